/** Wires between agents and the control plane: they delay, they are cut, they go silent one way. Order is kept. */
import type { Readable } from 'node:stream';
import { TroupeError } from '../../src/errors/errors.ts';
import type { HostLinks } from '../../src/link/host-links.ts';
import type { Connection, Dialer } from '../../src/link/transport.ts';
import type { Kernel, SimulatedProcess } from './kernel.ts';

interface Wire {
  readonly agent: SimulatedProcess;
  readonly host: string;
  cut(reason: string): void;
  /** Nothing passes any more in this direction; neither end is told. */
  silence(direction: 'up' | 'down'): void;
}

export interface Network {
  /** Where agents dial to now; null while nobody listens. */
  listen(links: HostLinks, process: SimulatedProcess): void;
  dialer(agent: SimulatedProcess, host: string): Dialer;
  cut(host: string): void;
  silence(host: string, direction: 'up' | 'down'): void;
  /** A killed process's sockets are closed by its kernel. */
  died(process: SimulatedProcess): void;
}

export function createNetwork(kernel: Kernel): Network {
  let listener: { links: HostLinks; process: SimulatedProcess } | null = null;
  const wires = new Set<Wire & { server: SimulatedProcess }>();

  const end = (owner: () => SimulatedProcess) => {
    const frames: ((frame: string) => void)[] = [];
    const closes: ((code: number, reason: string) => void)[] = [];
    let closed = false;
    return {
      receive: (frame: string) =>
        void (owner().alive && !closed && frames.forEach((listener_) => listener_(frame))),
      close(code: number, reason: string) {
        if (closed) return;
        closed = true;
        if (owner().alive) closes.forEach((listener_) => listener_(code, reason));
      },
      frames,
      closes,
      get closed() {
        return closed;
      },
    };
  };

  const connect = (agent: SimulatedProcess, host: string): Connection => {
    const { links, process: server } = listener!;
    const up = end(() => server);
    const down = end(() => agent);
    const silent = { up: false, down: false };
    const arrival = { up: 0, down: 0 };
    const carry = (direction: 'up' | 'down', task: () => void): void => {
      // TCP keeps order: nothing overtakes.
      arrival[direction] = Math.max(arrival[direction], kernel.now + kernel.between(0.1, 3));
      kernel.at(arrival[direction] - kernel.now, task);
    };
    const wire = {
      agent,
      host,
      server,
      cut(reason: string) {
        wires.delete(wire);
        kernel.at(kernel.between(0, 5), () => up.close(1006, reason));
        kernel.at(kernel.between(0, 5), () => down.close(1006, reason));
      },
      silence: (direction: 'up' | 'down') => void (silent[direction] = true),
    };
    wires.add(wire);
    const side = (
      mine: ReturnType<typeof end>,
      theirs: ReturnType<typeof end>,
      direction: 'up' | 'down',
      owner: SimulatedProcess,
    ): Connection => ({
      send(frame) {
        if (mine.closed || !owner.alive || silent[direction]) return;
        carry(direction, () => !silent[direction] && theirs.receive(frame));
      },
      bufferedBytes: 0,
      close(code, reason) {
        if (mine.closed) return;
        mine.close(code, reason);
        if (!silent[direction]) carry(direction, () => theirs.close(code, reason));
      },
      onFrame: (listener_) => void mine.frames.push(listener_),
      onClose: (listener_) => void mine.closes.push(listener_),
    });
    links.accept(side(up, down, 'down', server), host);
    return side(down, up, 'up', agent);
  };

  return {
    listen(links, process) {
      listener = { links, process };
    },
    dialer: (agent, host) => ({
      dial: () =>
        agent.guard(
          new Promise((resolve, reject) => {
            kernel.at(kernel.between(0.5, 5), () => {
              if (listener?.process.alive) resolve(connect(agent, host));
              else reject(new TroupeError('HOST_UNREACHABLE', 'Nobody listens'));
            });
          }),
        ),
      stream: (_ticket: string, source: Readable) => {
        source.destroy();
        return Promise.resolve();
      },
      open: () => Promise.reject(new TroupeError('HOST_UNREACHABLE', 'No bytes are simulated')),
    }),
    cut: (host) => wires.forEach((wire) => wire.host === host && wire.cut('the wire was cut')),
    silence: (host, direction) => wires.forEach((wire) => wire.host === host && wire.silence(direction)),
    died: (process) =>
      wires.forEach(
        (wire) => (wire.agent === process || wire.server === process) && wire.cut('the other end died'),
      ),
  };
}
