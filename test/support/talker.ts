/** Somebody inside a network namespace: a process that speaks TCP and UDP when it is told to. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What a listener answers to who connects. */
export interface Said {
  readonly name: string;
  /** The address it saw. */
  readonly from: string;
}

export interface Heard {
  readonly text: string;
  readonly address: string;
  readonly port: number;
}

export type Order =
  | { readonly kind: 'listen'; readonly port: number; readonly address: string }
  | { readonly kind: 'dial'; readonly address: string; readonly port: number; readonly timeoutMs: number }
  | { readonly kind: 'bind'; readonly port: number; readonly address: string }
  | {
      readonly kind: 'send';
      readonly from: number;
      readonly text: string;
      readonly address: string;
      readonly port: number;
    }
  | { readonly kind: 'hear'; readonly port: number }
  | { readonly kind: 'close'; readonly port: number };

export interface Talker {
  listen(port: number, address?: string): Promise<void>;
  /** What the other said, or the code of the error; `silence` when nobody answers for `timeoutMs`. */
  dial(address: string, port: number, timeoutMs?: number): Promise<Said | string>;
  bind(port: number, address?: string): Promise<void>;
  /** True when the kernel took it, else the code of its error. */
  send(from: number, text: string, address: string, port: number): Promise<true | string>;
  /** The next datagram to this port. */
  hear(port: number): Promise<Heard>;
  close(port: number): Promise<void>;
  stop(): Promise<void>;
}

/** @param namespace its path, or null for this process's own */
export async function startTalker(name: string, namespace: string | null): Promise<Talker> {
  const file = fileURLToPath(new URL('./talker-process.js', import.meta.url));
  const command = [process.execPath, file, name];
  const entering = namespace === null ? command : ['nsenter', `--net=${namespace}`, '--', ...command];
  const child = spawn(entering[0]!, entering.slice(1), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const waiting = new Map<number, (reply: { result?: unknown; error?: string }) => void>();
  let last = 0;
  child.on('message', (message: { id: number; result?: unknown; error?: string }) => {
    waiting.get(message.id)?.(message);
    waiting.delete(message.id);
  });
  const exited = once(child, 'exit');
  await new Promise<void>((resolve, reject) => {
    waiting.set(0, () => resolve());
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`The talker "${name}" did not start`)));
  });
  const tell = <T>(order: Order): Promise<T> =>
    new Promise((resolve, reject) => {
      const id = (last += 1);
      waiting.set(id, ({ result, error }) =>
        error === undefined ? resolve(result as T) : reject(new Error(error)),
      );
      child.send({ id, order });
    });
  return {
    listen: (port, address = '0.0.0.0') => tell({ kind: 'listen', port, address }),
    dial: (address, port, timeoutMs = 30_000) => tell({ kind: 'dial', address, port, timeoutMs }),
    bind: (port, address = '0.0.0.0') => tell({ kind: 'bind', port, address }),
    send: (from, text, address, port) => tell({ kind: 'send', from, text, address, port }),
    hear: (port) => tell({ kind: 'hear', port }),
    close: (port) => tell({ kind: 'close', port }),
    async stop() {
      child.disconnect();
      await exited;
    },
  };
}

/** One whose process starts with the first thing it is told: many never speak. */
export function lazyTalker(name: string, namespace: string): Talker {
  let started: Promise<Talker> | null = null;
  const talker = () => (started ??= startTalker(name, namespace));
  return {
    listen: async (...args) => (await talker()).listen(...args),
    dial: async (...args) => (await talker()).dial(...args),
    bind: async (...args) => (await talker()).bind(...args),
    send: async (...args) => (await talker()).send(...args),
    hear: async (...args) => (await talker()).hear(...args),
    close: async (...args) => (await talker()).close(...args),
    stop: async () => (await started)?.stop(),
  };
}
