/**
 * What speaks TCP and UDP inside a network namespace, told what to do by
 * messages: listens and answers with its name and who asked, connects, sends
 * and receives datagrams.
 */
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { connect, createServer } from 'node:net';
import type { Heard, Order, Said } from './talker.ts';

const name = process.argv[2] ?? '';
const sockets = new Map<number, { socket: Datagrams; heard: Heard[]; wanted: ((heard: Heard) => void)[] }>();

function listen(port: number, address: string): Promise<true> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.end(JSON.stringify({ name, from: socket.remoteAddress?.replace('::ffff:', '') }));
    });
    server.on('error', reject);
    server.listen({ port, host: address }, () => resolve(true));
  });
}

function dial(address: string, port: number, timeoutMs: number): Promise<Said | string> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    let text = '';
    socket.setTimeout(timeoutMs, () => {
      socket.destroy();
      resolve('silence');
    });
    socket.setEncoding('utf8').on('data', (chunk) => (text += chunk));
    socket.on('error', (error) => resolve('code' in error ? String(error.code) : error.message));
    socket.on('end', () => resolve(JSON.parse(text) as Said));
  });
}

function bind(port: number, address: string): Promise<true> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const held = { socket, heard: [] as Heard[], wanted: [] as ((heard: Heard) => void)[] };
    socket.on('error', reject);
    socket.on('message', (message, { address, port }) => {
      const heard = { text: message.toString(), address, port };
      const next = held.wanted.shift();
      if (next) next(heard);
      else held.heard.push(heard);
    });
    socket.bind(port, address, () => {
      sockets.set(port, held);
      resolve(true);
    });
  });
}

function bound(port: number) {
  const held = sockets.get(port);
  if (!held) throw new Error(`Nothing is bound to ${port}`);
  return held;
}

function send(from: number, text: string, address: string, port: number): Promise<true | string> {
  return new Promise((resolve) => {
    bound(from).socket.send(text, port, address, (error) =>
      resolve(error ? String((error as NodeJS.ErrnoException).code) : true),
    );
  });
}

function hear(port: number): Promise<Heard> {
  const held = bound(port);
  const heard = held.heard.shift();
  return heard ? Promise.resolve(heard) : new Promise((resolve) => held.wanted.push(resolve));
}

function close(port: number): Promise<true> {
  return new Promise((resolve) => {
    bound(port).socket.close(() => resolve(true));
    sockets.delete(port);
  });
}

function obey(order: Order): Promise<unknown> {
  switch (order.kind) {
    case 'listen':
      return listen(order.port, order.address);
    case 'dial':
      return dial(order.address, order.port, order.timeoutMs);
    case 'bind':
      return bind(order.port, order.address);
    case 'send':
      return send(order.from, order.text, order.address, order.port);
    case 'hear':
      return hear(order.port);
    case 'close':
      return close(order.port);
  }
}

process.on('message', ({ id, order }: { id: number; order: Order }) => {
  obey(order).then(
    (result) => process.send?.({ id, result }),
    (error: Error) => process.send?.({ id, error: error.message }),
  );
});
process.on('disconnect', () => process.exit());
process.send?.({ id: 0, result: true });
