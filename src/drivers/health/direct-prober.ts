/** Probes by connections of this host's own, each a new one. */
import { connect, isIPv6 } from 'node:net';
import { Agent, request } from 'undici';
import type { HealthProber } from './health-prober.ts';

/** How long a probe may take is for its caller to say, by its signal. */
const patient = { headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 0 } } as const;

export function createDirectProber(): HealthProber {
  return {
    async http({ address, port, path }, signal) {
      const dispatcher = new Agent({ ...patient, pipelining: 0 });
      try {
        const origin = `http://${hostOf(address)}:${port}`;
        const { statusCode } = await request(`${origin}${path}`, {
          dispatcher,
          signal,
          headers: { 'user-agent': 'troupe-health' },
        });
        return statusCode;
      } catch (error) {
        throw inWords(error, address, port);
      } finally {
        // Also what is left of an answer that has no end.
        await dispatcher.destroy();
      }
    },
    tcp: ({ address, port }, signal) =>
      new Promise((resolve, reject) => {
        const socket = connect({ host: address, port, signal });
        socket.once('connect', () => {
          socket.destroy();
          resolve();
        });
        socket.once('error', (error) => reject(inWords(error, address, port)));
      }),
  };
}

const hostOf = (address: string): string => (isIPv6(address) ? `[${address}]` : address);

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
  ECONNRESET: 'broke the connection off',
  EHOSTUNREACH: 'can not be reached',
  ENETUNREACH: 'can not be reached',
  UND_ERR_SOCKET: 'broke the connection off',
};

function inWords(error: unknown, address: string, port: number): Error {
  const { code, message } = error as { readonly code?: string; readonly message: string };
  const what = reasons[code ?? ''] ?? `did not answer as HTTP: ${message}`;
  return new Error(`${hostOf(address)}:${port} ${what}`, { cause: error });
}
