/**
 * Many clients of `WS /v1/watch` in one process. Started as a child with an
 * IPC channel: `WatchersStart` is answered once all have their snapshot,
 * `{report}` with what came since the last report.
 */
import { once } from 'node:events';
import { WebSocket } from 'ws';

export interface WatchersStart {
  readonly url: string;
  readonly token: string;
  readonly count: number;
}

export interface WatchersReport {
  readonly told: number;
  /** Milliseconds from the decision of a change to its arrival, of every watcher's every change, or a sample of them. */
  readonly delays: readonly number[];
}

/** Fewer than may be strangers at a server. */
const openedAtOnce = 100;
/** Every so many-th frame is measured: reading them all would be measured, too. */
const measuredEach = 10;

let told = 0;
let delays: number[] = [];

const now = (): number => performance.timeOrigin + performance.now();

function take(text: string): void {
  told += 1;
  if (told % measuredEach !== 0) return;
  const [, at] = /"at":(\d+)/.exec(text) ?? [];
  if (at !== undefined) delays.push(now() - Number(at));
}

async function open({ url, token }: WatchersStart): Promise<void> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, 'open');
  socket.send(JSON.stringify({ token, all_projects: true }));
  await new Promise<void>((resolve) => {
    socket.on('message', (data: Buffer) => {
      const text = data.toString();
      if (text.startsWith('{"type":"change"')) take(text);
      else if (text.startsWith('{"type":"snapshot"')) resolve();
    });
  });
}

async function openAll(start: WatchersStart): Promise<void> {
  for (let opened = 0; opened < start.count; opened += openedAtOnce)
    await Promise.all(
      Array.from({ length: Math.min(openedAtOnce, start.count - opened) }, () => open(start)),
    );
}

function report(): void {
  process.send!({ told, delays } satisfies WatchersReport);
  told = 0;
  delays = [];
}

process.on('message', (message: WatchersStart | { report: true }) => {
  if ('report' in message) report();
  else void openAll(message).then(report);
});
process.on('disconnect', () => process.exit(0));
