/** The wire's shapes, checked at both ends before anything is believed. */
import { Type, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { ParamsCheck } from './json-rpc.ts';

const id = Type.String({ minLength: 1, maxLength: 128 });
const text = Type.String({ maxLength: 65_536 });
const count = Type.Integer({ minimum: 0 });
const nullable = (schema: TSchema) => Type.Union([schema, Type.Null()]);
const strings = Type.Array(text, { maxItems: 10_000 });

const fingerprint = Type.Object({
  hostname: id,
  engine: text,
  engineVersion: text,
  engineApiVersion: text,
  cpus: Type.Number({ minimum: 0 }),
  memoryMib: count,
  diskGib: count,
  architecture: text,
  os: text,
  kernelVersion: text,
  runtimes: strings,
  labels: Type.Record(Type.String(), Type.String()),
  engineUp: Type.Boolean(),
  engineProblem: nullable(text),
});

const observation = Type.Object({
  containerId: id,
  tenant: id,
  generation: count,
  engineId: text,
  state: Type.Enum(['created', 'running', 'paused', 'restarting', 'exited', 'dead', 'removing']),
  startedAt: nullable(Type.Number()),
  finishedAt: nullable(Type.Number()),
  exitCode: nullable(Type.Integer()),
  oomKilled: Type.Boolean(),
  error: nullable(text),
  health: Type.Enum(['none', 'starting', 'healthy', 'unhealthy']),
  hostname: nullable(text),
  addresses: strings,
  command: strings,
  entrypoint: nullable(strings),
  ports: Type.Array(Type.Integer(), { maxItems: 65_536 }),
});

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
  Type.Object({ type: Type.Literal('host.fingerprinted'), fingerprint }),
]);

const record = Type.Union([
  Type.Object({
    kind: Type.Literal('result'),
    opId: id,
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

const nothing = Type.Object({});

/** What an agent may send; the control plane takes nothing else. */
const fromAgent: Record<string, TSchema> = {
  enrol: Type.Object({ protocol: count, joinToken: text, hostname: id }),
  hello: Type.Object({
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
  inventory: Type.Object({
    items: Type.Array(
      Type.Object({ observation, worldId: text, lastOpId: nullable(id), lastRevision: count, epoch: count }),
    ),
    images: strings,
    engineUp: Type.Boolean(),
    complete: Type.Boolean(),
  }),
  up: Type.Object({ sequence: count, record }),
  images: Type.Object({ images: strings }),
  heartbeat: nothing,
};

/** What the control plane may send; an agent takes nothing else. */
const fromControl: Record<string, TSchema> = {
  operate: Type.Object({
    opId: id,
    containerId: id,
    tenant: id,
    generation: count,
    epoch: count,
    revision: count,
    deadlineMs: Type.Number({ minimum: 0 }),
    args: Type.Object({
      kind: Type.Enum([
        'pullImage',
        'ensureSandbox',
        'removeSandbox',
        'createContainer',
        'startContainer',
        'stopContainer',
        'removeContainer',
      ]),
    }),
    desired: Type.Object({
      running: Type.Boolean(),
      run: count,
      restarts: count,
      restartPolicy: Type.Object({ name: text, maximumRetryCount: count }),
    }),
  }),
  openStream: Type.Object({
    ticket: id,
    containerId: id,
    stream: Type.Object({
      kind: Type.Literal('logs'),
      stdout: Type.Boolean(),
      stderr: Type.Boolean(),
      timestamps: Type.Boolean(),
      tail: Type.Union([count, Type.Literal('all')]),
      sinceSeconds: Type.Number({ minimum: 0 }),
      follow: Type.Boolean(),
    }),
  }),
  takeInventory: nothing,
  ack: Type.Object({ sequence: count }),
  heartbeat: nothing,
};

const checker = (schemas: Record<string, TSchema>): ParamsCheck => {
  const compiled = new Map(Object.entries(schemas).map(([method, schema]) => [method, Compile(schema)]));
  return (method, params) => {
    const schema = compiled.get(method);
    if (!schema) throw new Error(`"${method}" is not of this protocol`);
    if (schema.Check(params)) return;
    const [first] = schema.Errors(params);
    throw new Error(`"${method}"${first?.instancePath ?? ''} ${first?.message ?? 'is not as it must be'}`);
  };
};

export const checkFromAgent: ParamsCheck = checker(fromAgent);
export const checkFromControl: ParamsCheck = checker(fromControl);
