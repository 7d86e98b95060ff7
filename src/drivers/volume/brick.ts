/**
 * os-brick, which connects what Cinder gives out: iSCSI, RBD, NVMe-oF, local …
 * It is Python's, and asked in a process of its own for each question, by `bin/lib/brick.py`.
 */
import { fileURLToPath } from 'node:url';
import { TroupeError } from '../../errors/errors.ts';
import type { Host } from '../host.ts';
import { commandFailure } from './volume-errors.ts';

/** In Cinder's words; it may hold passwords. */
export type Connection = Readonly<Record<string, unknown>>;

export interface Brick {
  /** How this machine is described to Cinder. @throws TroupeError HOST_INCAPABLE, VOLUME_ERROR */
  connector(hostname: string, signal: AbortSignal): Promise<Connection>;
  /** @returns the block device @throws TroupeError HOST_INCAPABLE, VOLUME_ERROR */
  connect(attempt: string, connection: Connection, signal: AbortSignal): Promise<string>;
  /** @throws TroupeError HOST_INCAPABLE, VOLUME_ERROR */
  disconnect(attempt: string, connection: Connection, path: string, signal: AbortSignal): Promise<void>;
}

/** Of the system, whose package os-brick is. */
const python = '/usr/bin/python3';
const script = fileURLToPath(new URL('../../../../bin/lib/brick.py', import.meta.url));

interface Outcome {
  readonly answer?: unknown;
  /** What Python could not import. */
  readonly missing?: string;
  readonly failed?: string;
}

export function createBrick(host: Host): Brick {
  const ask = async (attempt: string, question: object, signal: AbortSignal): Promise<unknown> => {
    // The question goes by stdin: what is in it shows in no list of processes.
    const result = await host.run(python, ['-I', script], { input: JSON.stringify(question), signal });
    const { answer, missing, failed } = parse(result.output) ?? {};
    if (missing !== undefined)
      throw new TroupeError(
        'HOST_INCAPABLE',
        `${attempt}: this host has no os-brick (${missing}); install the package "python3-os-brick"`,
      );
    if (failed !== undefined)
      throw new TroupeError('VOLUME_ERROR', `${attempt}: os-brick said: ${failed}`, { retryable: true });
    if (answer === undefined) throw commandFailure(attempt, 'os-brick', result);
    return answer;
  };
  return {
    connector: async (hostname, signal) =>
      (await ask(
        'This host could not be described to Cinder',
        { ask: 'connector', host: hostname },
        signal,
      )) as Connection,
    async connect(attempt, connection, signal) {
      const path = await ask(attempt, { ask: 'connect', connection }, signal);
      if (typeof path === 'string' && path.startsWith('/')) return path;
      throw new TroupeError('VOLUME_ERROR', `${attempt}: os-brick connects it as no block device`);
    },
    async disconnect(attempt, connection, path, signal) {
      await ask(attempt, { ask: 'disconnect', connection, path }, signal);
    },
  };
}

function parse(output: string): Outcome | null {
  try {
    return JSON.parse(output) as Outcome;
  } catch {
    return null;
  }
}
