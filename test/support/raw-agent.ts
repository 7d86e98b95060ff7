/** An agent's end of the wire, frame by frame, for what no real agent would say. */
import type { HostLinks } from '../../src/link/host-links.ts';
import type { Connection } from '../../src/link/transport.ts';

interface Received {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly data?: { readonly fatal?: boolean } };
}

export interface RawAgent {
  readonly received: Received[];
  readonly closed: { readonly code: number; readonly reason: string } | null;
  send(frame: string): void;
  call(method: string, params: object): Promise<unknown>;
  notify(method: string, params: object): void;
  /** Answers the last request of `method`. */
  answer(method: string, result: unknown): void;
  greeting(hostId: string, credential: string): Record<string, unknown>;
  hello(hostId: string, credential: string, bootId?: string): Promise<unknown>;
  /** Hello and an empty inventory. */
  sync(hostId: string, credential: string, bootId?: string): Promise<void>;
  cut(): void;
}

export function rawAgent(links: HostLinks): RawAgent {
  let toServer: (frame: string) => void = () => {};
  let serverClosed: (code: number, reason: string) => void = () => {};
  let closed: RawAgent['closed'] = null;
  let nextId = 0;
  const received: Received[] = [];
  const calls = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();

  const end = (code: number, reason: string): void => {
    if (closed) return;
    closed = { code, reason };
    serverClosed(code, reason);
  };
  const server: Connection = {
    bufferedBytes: 0,
    send(text) {
      if (closed) return;
      const frame = JSON.parse(text) as Received;
      received.push(frame);
      const call = frame.method === undefined ? calls.get(frame.id!) : undefined;
      if (frame.error) call?.reject(Object.assign(new Error(frame.error.message), frame.error.data));
      else call?.resolve(frame.result);
    },
    close: end,
    onFrame: (listener) => void (toServer = listener),
    onClose: (listener) => {
      const before = serverClosed;
      serverClosed = (code, reason) => {
        before(code, reason);
        listener(code, reason);
      };
    },
  };
  links.accept(server, 'raw');

  const agent: RawAgent = {
    received,
    get closed() {
      return closed;
    },
    send: (frame) => void (closed === null && toServer(frame)),
    call(method, params) {
      nextId += 1;
      const id = nextId;
      const answered = new Promise<unknown>((resolve, reject) => calls.set(id, { resolve, reject }));
      agent.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
      return answered;
    },
    notify: (method, params) => agent.send(JSON.stringify({ jsonrpc: '2.0', method, params })),
    answer(method, result) {
      const { id } = received.findLast((frame) => frame.method === method)!;
      agent.send(JSON.stringify({ jsonrpc: '2.0', id, result }));
    },
    greeting: (hostId, credential) => ({
      protocol: 1,
      agentVersion: 'raw',
      hostId,
      credential,
      worldId: 'world-1',
      epoch: 0,
      bootId: 'boot-1',
      acknowledged: 0,
      fingerprint: {
        hostname: 'raw',
        engine: 'none',
        engineVersion: '',
        engineApiVersion: '',
        cpus: 1,
        memoryMib: 1,
        diskGib: 1,
        architecture: '',
        os: '',
        kernelVersion: '',
        runtimes: [],
        labels: {},
        engineUp: true,
        engineProblem: null,
      },
    }),
    hello: (hostId, credential, bootId = 'boot-1') =>
      agent.call('hello', { ...agent.greeting(hostId, credential), bootId }),
    async sync(hostId, credential, bootId) {
      await agent.hello(hostId, credential, bootId);
      await agent.call('inventory', { items: [], resources: [], images: [], engineUp: true, complete: true });
    },
    cut: () => end(1006, 'cut'),
  };
  return agent;
}
