/**
 * Many host agents in one process, for load: they speak the link protocol and
 * answer every operation at once, as an engine that takes no time would.
 *
 * Started as a child process with an IPC channel, so that the CPU of the
 * agents is counted apart from the control plane's. Messages in:
 * `{url, tokens}`; out: `{ready}` once all hosts are synced, and on `{report}`
 * a `{cpuMs, operations}`.
 */
import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import type { OperateParams, UpRecord } from '../src/link/protocol.ts';
import type { Observation } from '../src/model/container.ts';
import type { Fingerprint } from '../src/model/host.ts';

interface Start {
  readonly url: string;
  readonly tokens: readonly string[];
  readonly cpus: number;
  readonly memoryMib: number;
}

let operations = 0;
/** Answers a `{die}` command can find its container by. */
const sockets = new Map<string, { up(record: UpRecord): void; observation: Observation }>();

function observe({ containerId, tenant, generation }: OperateParams, running: boolean): Observation {
  const now = Date.now();
  return {
    containerId,
    tenant,
    generation,
    engineId: containerId,
    state: running ? 'running' : 'created',
    startedAt: running ? now : null,
    finishedAt: null,
    exitCode: null,
    oomKilled: false,
    error: null,
    health: 'none',
    hostname: null,
    addresses: [],
    command: [],
    entrypoint: null,
    ports: [],
  };
}

function outputOf(params: OperateParams): unknown {
  switch (params.args.kind) {
    case 'pullImage':
      return { imageId: 'simulated' };
    case 'ensureSandbox':
      return { sandboxId: 'simulated' };
    case 'createContainer':
      return { observation: observe(params, false) };
    case 'startContainer':
      return { observation: observe(params, true) };
    case 'stopContainer':
      return { observation: { ...observe(params, false), state: 'exited', exitCode: 0 } };
    default:
      return null;
  }
}

function host(start: Start, joinToken: string, number: number): Promise<void> {
  const hostname = `simulated-${number}`;
  const fingerprint: Fingerprint = {
    hostname,
    engine: 'simulated',
    engineVersion: '1',
    engineApiVersion: '1',
    cpus: start.cpus,
    memoryMib: start.memoryMib,
    diskGib: 100_000,
    architecture: 'x86_64',
    os: 'linux',
    kernelVersion: '1',
    runtimes: ['runc'],
    labels: {},
    engineUp: true,
    engineProblem: null,
  };
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(start.url, { perMessageDeflate: false });
    let nextId = 0;
    let sequence = 0;
    const calls = new Map<number, (result: Record<string, unknown>) => void>();
    const send = (message: object): void => socket.send(JSON.stringify({ jsonrpc: '2.0', ...message }));
    const call = (method: string, params: object): Promise<Record<string, unknown>> =>
      new Promise((answered) => {
        nextId += 1;
        calls.set(nextId, answered);
        send({ id: nextId, method, params });
      });
    const up = (record: UpRecord): void => {
      sequence += 1;
      send({ method: 'up', params: { sequence, record } });
    };
    socket.on('error', reject);
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as {
        id?: number;
        method?: string;
        params: OperateParams;
        result?: Record<string, unknown>;
        error?: { message: string };
      };
      if (message.method === 'operate') {
        const { params } = message;
        operations += 1;
        send({ id: message.id, result: { accepted: true, failure: null } });
        const output = outputOf(params);
        if (params.args.kind === 'startContainer') {
          sockets.set(params.containerId, {
            up,
            observation: (output as { observation: Observation }).observation,
          });
        }
        up({
          kind: 'result',
          opId: params.opId,
          containerId: params.containerId,
          tenant: params.tenant,
          outcome: { ok: true, output },
          at: Date.now(),
        });
      } else if (message.error) {
        reject(new Error(message.error.message));
      } else if (message.id !== undefined && message.result) {
        calls.get(message.id)?.(message.result);
        calls.delete(message.id);
      }
    });
    socket.on('open', () => {
      void (async () => {
        const { hostId, credential, worldId } = await call('enrol', { protocol: 1, joinToken, hostname });
        const welcome = await call('hello', {
          protocol: 1,
          agentVersion: 'bench',
          hostId,
          credential,
          worldId,
          epoch: 0,
          bootId: randomUUID(),
          acknowledged: 0,
          fingerprint,
        });
        await call('inventory', { items: [], images: ['busybox:latest'], engineUp: true, complete: true });
        setInterval(() => send({ method: 'heartbeat', params: {} }), Number(welcome['heartbeatMs']));
        resolve();
      })().catch(reject);
    });
  });
}

process.on('message', (message: Start | { report: true } | { die: string }) => {
  if ('report' in message) {
    const { user, system } = process.cpuUsage();
    process.send!({ cpuMs: (user + system) / 1000, operations });
    return;
  }
  if ('die' in message) {
    const found = sockets.get(message.die);
    const now = Date.now();
    found?.up({
      kind: 'fact',
      at: now,
      fact: {
        type: 'runtime.exited',
        observation: { ...found.observation, state: 'exited', exitCode: 1, finishedAt: now },
        opId: null,
        stoppedOutside: false,
      },
    });
    return;
  }
  void (async () => {
    for (let at = 0; at < message.tokens.length; at += 100) {
      await Promise.all(
        message.tokens.slice(at, at + 100).map((token, index) => host(message, token, at + index)),
      );
    }
    process.send!({ ready: message.tokens.length });
  })().catch((error: unknown) => {
    process.send!({ failed: String(error) });
    process.exit(1);
  });
});
process.on('disconnect', () => process.exit(0));
