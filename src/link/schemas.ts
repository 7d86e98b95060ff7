/**
 * The wire's messages: who may send each, whether it is answered, and its
 * shape. Checked at both ends before anything is believed.
 *
 * Fields nobody knows are let through, so that an end can be newer than the other.
 */
import { Type, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { WireChecks } from './json-rpc.ts';
import type { AgentMethods, ControlMethods } from './protocol.ts';
import {
  containerSpec,
  count,
  fingerprint,
  id,
  nullable,
  observation,
  port,
  publishedPort,
  text,
} from './shapes.ts';

const failure = Type.Object({ code: id, message: text, retryable: Type.Boolean() });

const fact = Type.Union([
  Type.Object({
    type: Type.Literal('runtime.started'),
    observation,
    opId: nullable(id),
    byAgent: Type.Boolean(),
  }),
  Type.Object({
    type: Type.Literal('runtime.exited'),
    observation,
    opId: nullable(id),
    stoppedOutside: Type.Boolean(),
  }),
  Type.Object({ type: Type.Literal('runtime.health'), observation, opId: nullable(id) }),
  Type.Object({
    type: Type.Literal('runtime.gone'),
    containerId: id,
    tenant: id,
    generation: count,
    opId: nullable(id),
  }),
  Type.Object({ type: Type.Literal('sandbox.died'), sandboxId: id, tenant: id, reason: text }),
  Type.Object({ type: Type.Literal('host.fingerprinted'), fingerprint }),
]);

const subject = Type.Enum(['container', 'sandbox', 'network', 'volume', 'image']);

const record = Type.Union([
  Type.Object({
    kind: Type.Literal('result'),
    opId: id,
    subject,
    containerId: id,
    tenant: id,
    outcome: Type.Union([
      Type.Object({ ok: Type.Literal(true), output: Type.Unknown() }),
      Type.Object({ ok: Type.Literal(false), failure }),
    ]),
    at: Type.Number(),
  }),
  Type.Object({ kind: Type.Literal('fact'), fact, at: Type.Number() }),
]);

const limits = Type.Object({
  cpu: nullable(Type.Number({ minimum: 0 })),
  memoryMib: nullable(count),
});

const hotMounts = Type.Array(Type.Object({ volumeId: id, destination: text, readOnly: Type.Boolean() }));

const volumeConnection = Type.Record(Type.String(), Type.Unknown());

const operationArguments = Type.Union([
  Type.Object({
    kind: Type.Literal('pullImage'),
    image: text,
    policy: Type.Enum(['always', 'ifnotpresent', 'never']),
    credential: Type.Optional(nullable(Type.Object({ domain: id, username: text, password: text }))),
    from: Type.Optional(Type.Object({ ticket: id, digest: Type.Object({ algorithm: id, value: id }) })),
  }),
  Type.Object({
    kind: Type.Literal('createContainer'),
    spec: containerSpec,
    sandboxId: nullable(text),
    run: count,
    start: Type.Boolean(),
    hot: Type.Optional(hotMounts),
  }),
  Type.Object({
    kind: Type.Literal('startContainer'),
    run: count,
    limits: nullable(limits),
    hot: Type.Optional(hotMounts),
  }),
  Type.Object({ kind: Type.Literal('stopContainer'), graceMs: Type.Number({ minimum: 0 }) }),
  Type.Object({ kind: Type.Literal('removeContainer') }),
  Type.Object({ kind: Type.Literal('pauseContainer') }),
  Type.Object({ kind: Type.Literal('unpauseContainer') }),
  Type.Object({ kind: Type.Literal('killContainer'), signal: id }),
  Type.Object({ kind: Type.Literal('updateContainer'), limits }),
  Type.Object({ kind: Type.Literal('remountContainer'), hot: hotMounts, leaving: hotMounts }),
  Type.Object({
    kind: Type.Literal('makeSandbox'),
    hostname: nullable(text),
    ports: Type.Array(port),
    published: Type.Array(publishedPort),
  }),
  Type.Object({ kind: Type.Literal('unplugPort'), portId: id }),
  Type.Object({ kind: Type.Literal('removeSandbox'), portIds: Type.Array(id) }),
  Type.Object({ kind: Type.Literal('ensureNetwork'), subnet: nullable(text) }),
  Type.Object({ kind: Type.Literal('removeNetwork') }),
  Type.Object({ kind: Type.Literal('ensureVolume'), sizeGib: nullable(count) }),
  Type.Object({ kind: Type.Literal('removeVolume') }),
  Type.Object({
    kind: Type.Literal('connectVolume'),
    cinderId: id,
    names: Type.Array(id),
    sizeGib: count,
    readOnly: Type.Boolean(),
    isNew: Type.Boolean(),
    connection: volumeConnection,
  }),
  Type.Object({ kind: Type.Literal('disconnectVolume'), connection: nullable(volumeConnection) }),
  Type.Object({ kind: Type.Literal('commitContainer'), containerId: id, generation: count, image: text }),
  Type.Object({
    kind: Type.Literal('storeImage'),
    image: text,
    name: text,
    ticket: id,
    isLayered: Type.Boolean(),
  }),
  Type.Object({ kind: Type.Literal('removeImage'), image: text }),
]);

const service = Type.Union([
  Type.Object({ kind: Type.Literal('top'), psArgs: text }),
  Type.Object({ kind: Type.Literal('stats') }),
  Type.Object({
    kind: Type.Literal('execute'),
    command: Type.Array(text),
    timeLimitMs: count,
    outputMostBytes: count,
  }),
  Type.Object({
    kind: Type.Literal('prepareSession'),
    command: Type.Array(text),
    tty: Type.Boolean(),
    interactive: Type.Boolean(),
  }),
  Type.Object({ kind: Type.Literal('resizeTerminal'), execId: nullable(id), rows: count, columns: count }),
  Type.Object({ kind: Type.Literal('awaitEnd'), execId: nullable(id), timeLimitMs: count }),
]);

const question = Type.Union([
  Type.Object({ kind: Type.Literal('images') }),
  Type.Object({ kind: Type.Literal('searchImages'), term: text }),
  Type.Object({ kind: Type.Literal('connector') }),
]);

const stream = Type.Union([
  Type.Object({
    kind: Type.Literal('logs'),
    stdout: Type.Boolean(),
    stderr: Type.Boolean(),
    timestamps: Type.Boolean(),
    tail: Type.Union([count, Type.Literal('all')]),
    sinceSeconds: Type.Number({ minimum: 0 }),
    follow: Type.Boolean(),
  }),
  Type.Object({ kind: Type.Literal('session'), tenant: id, generation: count, execId: nullable(id) }),
  Type.Object({ kind: Type.Literal('getArchive'), path: text }),
  Type.Object({ kind: Type.Literal('putArchive'), tenant: id, generation: count, path: text }),
]);

const resources = Type.Array(
  Type.Object({
    subject,
    id,
    tenant: nullable(id),
    worldId: text,
    alive: Type.Boolean(),
    kept: Type.Optional(Type.Boolean()),
  }),
);

const inventoryItems = Type.Array(
  Type.Object({
    observation,
    worldId: text,
    lastOpId: nullable(id),
    lastRevision: count,
    epoch: count,
    sandboxId: Type.Optional(nullable(id)),
    kept: Type.Optional(Type.Boolean()),
  }),
);

const desired = Type.Object({
  running: Type.Boolean(),
  run: count,
  restarts: count,
  restartPolicy: Type.Object({ name: text, maximumRetryCount: count }),
});
const nothing = Type.Object({});
const verdict = Type.Object({ accepted: Type.Boolean(), failure: nullable(failure) });

type Sender = 'agent' | 'control';

interface Message {
  /** The allowed senders; from anybody else it ends the connection. */
  readonly from: readonly Sender[];
  readonly params: TSchema;
  /** The answer's shape; null for a notification, which has none. */
  readonly result: TSchema | null;
}

const messages: Readonly<Record<keyof AgentMethods | keyof ControlMethods, Message>> = {
  enrol: {
    from: ['agent'],
    params: Type.Object({ protocol: count, joinToken: text, hostname: id }),
    result: Type.Object({ hostId: id, credential: text, worldId: id }),
  },
  hello: {
    from: ['agent'],
    params: Type.Object({
      protocol: count,
      agentVersion: text,
      hostId: id,
      credential: text,
      worldId: nullable(id),
      epoch: count,
      bootId: id,
      acknowledged: count,
      fingerprint,
    }),
    result: Type.Object({
      worldId: id,
      epoch: count,
      session: id,
      heartbeatMs: Type.Number({ exclusiveMinimum: 0 }),
      leaseMs: Type.Number({ exclusiveMinimum: 0 }),
    }),
  },
  inventory: {
    from: ['agent'],
    params: Type.Object({
      items: inventoryItems,
      resources,
      images: Type.Array(text),
      engineUp: Type.Boolean(),
      complete: Type.Boolean(),
    }),
    result: Type.Object({
      remove: Type.Array(Type.Object({ subject, containerId: id, tenant: id, generation: count })),
    }),
  },
  up: { from: ['agent'], params: Type.Object({ sequence: count, record }), result: null },
  images: { from: ['agent'], params: Type.Object({ images: Type.Array(text) }), result: null },
  heartbeat: { from: ['agent', 'control'], params: nothing, result: null },
  operate: {
    from: ['control'],
    params: Type.Object({
      opId: id,
      subject,
      containerId: id,
      tenant: id,
      generation: count,
      epoch: count,
      revision: count,
      deadlineMs: Type.Number({ minimum: 0 }),
      args: operationArguments,
      desired,
      keepsake: Type.Optional(text),
    }),
    result: verdict,
  },
  openStream: {
    from: ['control'],
    params: Type.Object({ ticket: id, containerId: id, stream }),
    result: verdict,
  },
  takeInventory: {
    from: ['control'],
    params: nothing,
    result: Type.Object({ items: inventoryItems, resources }),
  },
  recall: {
    from: ['control'],
    params: Type.Object({ ids: Type.Array(id) }),
    result: Type.Object({
      recalled: Type.Array(Type.Object({ id, keepsake: text, desired: nullable(desired) })),
    }),
  },
  serve: {
    from: ['control'],
    params: Type.Object({ containerId: id, tenant: id, generation: count, service }),
    result: Type.Object({ answer: Type.Unknown() }),
  },
  ask: {
    from: ['control'],
    params: Type.Object({ question }),
    result: Type.Object({ answer: Type.Unknown() }),
  },
  ack: { from: ['control'], params: Type.Object({ sequence: count }), result: null },
};

type Check = (value: unknown) => void;

const checkOf = (method: string, schema: TSchema): Check => {
  const compiled = Compile(schema);
  return (value) => {
    if (compiled.Check(value)) return;
    const [first] = compiled.Errors(value);
    throw new Error(`"${method}"${first?.instancePath ?? ''} ${first?.message ?? 'is not as it must be'}`);
  };
};

const compiled: ReadonlyMap<
  string,
  Omit<Message, 'params' | 'result'> & { params: Check; result: Check | null }
> = new Map(
  Object.entries(messages).map(([method, { from, params, result }]) => [
    method,
    { from, params: checkOf(method, params), result: result && checkOf(method, result) },
  ]),
);

const checksAgainst = (sender: Sender): WireChecks => ({
  params(method, params, isRequest) {
    const message = compiled.get(method);
    if (!message?.from.includes(sender)) throw new Error(`"${method}" is not for this end`);
    if (isRequest !== (message.result !== null))
      throw new Error(`"${method}" ${isRequest ? 'takes no id' : 'needs an id'}`);
    message.params(params);
  },
  result(method, result) {
    compiled.get(method)?.result?.(result);
  },
});

/** What the control plane believes of an agent. */
export const checksOfAgents: WireChecks = checksAgainst('agent');
/** What an agent believes of the control plane. */
export const checksOfControlPlane: WireChecks = checksAgainst('control');
