/** A client of `WS /v1/watch` that waits for containers to come into a status. */
import { once } from 'node:events';
import { WebSocket } from 'ws';

export interface Watcher {
  /** Resolves with the time (as of `performance.now`) at which the change arrived, if it is the last. */
  seen(containerId: string, status: string): Promise<number>;
  close(): void;
}

interface Frame {
  readonly type: string;
  readonly id?: string;
  readonly status?: string;
  readonly reason?: string | null;
}

interface Change {
  readonly status: string;
  readonly reason: string | null;
  readonly at: number;
}

/** Resolves once the snapshot has come, so that no change can be missed. */
export async function watch(apiUrl: string, token: string): Promise<Watcher> {
  const socket = new WebSocket(`${apiUrl.replace(/^http/, 'ws')}/v1/watch`, { perMessageDeflate: false });
  const last = new Map<string, Change>();
  const waiting = new Map<string, (change: Change) => void>();
  await once(socket, 'open');
  socket.send(JSON.stringify({ token, all_projects: true, kinds: ['container'] }));
  await new Promise<void>((resolve) => {
    socket.on('message', (data: Buffer) => {
      const at = performance.now();
      const { type, id = '', status = '', reason = null } = JSON.parse(data.toString()) as Frame;
      if (type === 'snapshot') resolve();
      if (type !== 'change') return;
      last.set(id, { status, reason, at });
      waiting.get(id)?.({ status, reason, at });
    });
  });
  return {
    seen: (containerId, wanted) =>
      new Promise((resolve, reject) => {
        const look = ({ status, reason, at }: Change): void => {
          if (status === wanted) resolve(at);
          else if (status === 'Error') reject(new Error(reason ?? 'it failed'));
          else return;
          waiting.delete(containerId);
        };
        waiting.set(containerId, look);
        const before = last.get(containerId);
        if (before) look(before);
      }),
    close: () => socket.close(),
  };
}
