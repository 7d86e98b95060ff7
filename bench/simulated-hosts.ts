/**
 * Many host agents in one process, for load: they speak the link protocol and
 * answer every operation at once, as an engine that takes no time would. They
 * dial again when their link has gone, and tell what they have.
 *
 * Started as a child process with an IPC channel. Messages in: `HostsStart`,
 * `{report}`, each answered by a `HostsReport`; and `{die: containerId}`.
 */
import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import type { InventoryItem, OperateParams, UpRecord } from '../src/link/protocol.ts';
import type { Observation } from '../src/model/container.ts';
import type { Fingerprint } from '../src/model/host.ts';

export interface HostsStart {
  readonly url: string;
  /** One for each host. */
  readonly tokens: readonly string[];
}

export interface HostsReport {
  readonly failed: string | null;
  /** Of this process so far. */
  readonly cpuMs: number;
  /** Link messages that came and went. */
  readonly frames: number;
}

/** Before a link that has gone is dialled again, and hosts that join at once. */
const redialMs = 200;
const joinedAtOnce = 100;
/** Of an inventory, per frame. */
const pageItems = 2_000;

const processors = 64;
const memoryMib = 262_144;

interface Host {
  tell(record: UpRecord): void;
  readonly containers: Map<string, InventoryItem>;
}

let frames = 0;
const hostOf = new Map<string, Host>();

function observe({ containerId, tenant, generation }: OperateParams, running: boolean): Observation {
  return {
    containerId,
    tenant,
    generation,
    engineId: containerId,
    state: running ? 'running' : 'created',
    startedAt: running ? Date.now() : null,
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

function outputOf(params: OperateParams): { readonly observation?: Observation } | null {
  switch (params.args.kind) {
    case 'createContainer':
      return { observation: observe(params, params.args.start) };
    case 'startContainer':
      return { observation: observe(params, true) };
    case 'stopContainer':
      return { observation: { ...observe(params, false), state: 'exited', exitCode: 0 } };
    default:
      return null;
  }
}

const fingerprintOf = (hostname: string): Fingerprint => ({
  hostname,
  engine: 'simulated',
  engineVersion: '1',
  engineApiVersion: '1',
  cpus: processors,
  memoryMib,
  diskGib: 100_000,
  architecture: 'x86_64',
  os: 'linux',
  kernelVersion: '1',
  runtimes: ['runc'],
  labels: {},
  engineUp: true,
  engineProblem: null,
});

/** Resolves once the host has told its first inventory. */
function join(url: string, joinToken: string, number: number): Promise<void> {
  const hostname = `simulated-${number}`;
  const bootId = randomUUID();
  const containers = new Map<string, InventoryItem>();
  let identity: Record<string, unknown> | null = null;
  let epoch = 0;
  let sequence = 0;
  let acknowledged = 0;
  let send: (message: object) => void = () => {};
  const host: Host = {
    containers,
    tell(record) {
      sequence += 1;
      send({ method: 'up', params: { sequence, record } });
    },
  };

  const operate = (id: number, params: OperateParams): void => {
    epoch = Math.max(epoch, params.epoch);
    send({ id, result: { accepted: true, failure: null } });
    const output = outputOf(params);
    const { opId, containerId, tenant, revision } = params;
    if (params.args.kind === 'removeContainer') {
      containers.delete(containerId);
    } else if (output?.observation) {
      const { observation } = output;
      containers.set(containerId, {
        observation,
        worldId: String(identity?.['worldId']),
        lastOpId: opId,
        lastRevision: revision,
        epoch: params.epoch,
      });
      hostOf.set(containerId, host);
    }
    host.tell({
      kind: 'result',
      opId,
      subject: params.subject,
      containerId,
      tenant,
      outcome: { ok: true, output },
      at: Date.now(),
    });
  };

  return new Promise((joined, failed) => {
    const dial = (): void => {
      const socket = new WebSocket(url, { perMessageDeflate: false });
      let nextId = 0;
      const calls = new Map<number, (result: Record<string, unknown>) => void>();
      const call = (method: string, params: object): Promise<Record<string, unknown>> =>
        new Promise((answered) => {
          nextId += 1;
          calls.set(nextId, answered);
          send({ id: nextId, method, params });
        });
      const greet = async (): Promise<void> => {
        identity ??= await call('enrol', { protocol: 1, joinToken, hostname });
        const { hostId, credential, worldId } = identity;
        await call('hello', {
          protocol: 1,
          agentVersion: 'bench',
          hostId,
          credential,
          worldId,
          epoch,
          bootId,
          acknowledged,
          fingerprint: fingerprintOf(hostname),
        });
        const items = [...containers.values()];
        for (let at = 0; at === 0 || at < items.length; at += pageItems) {
          await call('inventory', {
            items: items.slice(at, at + pageItems),
            resources: [],
            images: ['busybox:latest'],
            engineUp: true,
            complete: at + pageItems >= items.length,
          });
        }
        joined();
      };
      socket.on('open', () => {
        send = (message) => {
          frames += 1;
          socket.send(JSON.stringify({ jsonrpc: '2.0', ...message }));
        };
        void greet().catch(failed);
      });
      socket.on('message', (data: Buffer) => {
        frames += 1;
        const message = JSON.parse(data.toString()) as {
          id?: number;
          method?: string;
          params: OperateParams & { sequence: number };
          result?: Record<string, unknown>;
          error?: { message: string };
        };
        if (message.method === 'operate') operate(message.id!, message.params);
        else if (message.method === 'heartbeat') send({ method: 'heartbeat', params: {} });
        else if (message.method === 'ack') acknowledged = message.params.sequence;
        else if (message.error) failed(new Error(message.error.message));
        else if (message.id !== undefined && message.result) {
          calls.get(message.id)?.(message.result);
          calls.delete(message.id);
        }
      });
      socket.on('error', () => {});
      socket.on('close', () => {
        send = () => {};
        setTimeout(dial, redialMs);
      });
    };
    dial();
  });
}

function report(failed: string | null): void {
  const { user, system } = process.cpuUsage();
  process.send!({ failed, cpuMs: (user + system) / 1000, frames } satisfies HostsReport);
}

function die(containerId: string): void {
  const host = hostOf.get(containerId);
  const item = host?.containers.get(containerId);
  if (!host || !item) return;
  const now = Date.now();
  const observation: Observation = { ...item.observation, state: 'exited', exitCode: 1, finishedAt: now };
  host.containers.set(containerId, { ...item, observation });
  host.tell({
    kind: 'fact',
    at: now,
    fact: { type: 'runtime.exited', observation, opId: null, stoppedOutside: false },
  });
}

async function joinAll({ url, tokens }: HostsStart): Promise<void> {
  for (let at = 0; at < tokens.length; at += joinedAtOnce) {
    await Promise.all(
      tokens.slice(at, at + joinedAtOnce).map((token, index) => join(url, token, at + index)),
    );
  }
}

process.on('message', (message: HostsStart | { report: true } | { die: string }) => {
  if ('report' in message) report(null);
  else if ('die' in message) die(message.die);
  else
    joinAll(message).then(
      () => report(null),
      (error: unknown) => report(String(error)),
    );
});
process.on('disconnect', () => process.exit(0));
