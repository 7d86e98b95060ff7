/** A WebSocket server between an agent and its control plane that passes every frame on and notes it. */
import { WebSocket, WebSocketServer, type RawData } from 'ws';

export interface RelayedFrame {
  /** `performance.now()` of its passage. */
  readonly at: number;
  /** `down`: from the control plane to the agent. */
  readonly direction: 'up' | 'down';
  readonly frame: { readonly method?: string; readonly params?: Readonly<Record<string, unknown>> };
}

export interface LinkRelay {
  /** For `agent.controlUrl`. */
  readonly url: string;
  /** Of control sockets; data sockets carry bytes. */
  readonly frames: readonly RelayedFrame[];
  stop(): Promise<void>;
}

/** @param target base URL of the control plane, e.g. `ws://127.0.0.1:9517` */
export async function startLinkRelay(target: string): Promise<LinkRelay> {
  const frames: RelayedFrame[] = [];
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  server.on('connection', (agent, request) => {
    const isControl = request.url === '/link';
    const plane = new WebSocket(`${target}${request.url}`, { perMessageDeflate: false });
    const early: { data: RawData; binary: boolean }[] = [];
    const note = (direction: RelayedFrame['direction'], data: RawData): void => {
      if (!isControl) return;
      frames.push({ at: performance.now(), direction, frame: JSON.parse((data as Buffer).toString('utf8')) });
    };
    agent.on('message', (data, binary) => {
      note('up', data);
      if (plane.readyState === plane.OPEN) plane.send(data, { binary });
      else early.push({ data, binary });
    });
    plane.on('open', () => {
      for (const { data, binary } of early.splice(0)) plane.send(data, { binary });
    });
    plane.on('message', (data, binary) => {
      note('down', data);
      agent.send(data, { binary });
    });
    for (const [one, other] of [
      [agent, plane],
      [plane, agent],
    ] as const) {
      one.on('error', () => other.terminate());
      one.on('close', () => other.terminate());
    }
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `ws://127.0.0.1:${port}`,
    frames,
    async stop() {
      for (const client of server.clients) client.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
