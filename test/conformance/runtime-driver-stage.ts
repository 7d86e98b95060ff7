/** What the contract of runtime drivers needs of a driver, and what each of its tests stands on. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { OperationIdentity } from '../../src/drivers/runtime/operation-identity.ts';
import type {
  CreateOptions,
  EngineEvent,
  LogOptions,
  RuntimeDriver,
  Sandbox,
} from '../../src/drivers/runtime/runtime-driver.ts';
import type { RuntimePowers } from '../../src/drivers/runtime/runtime-powers.ts';
import type { ContainerSpec, Observation } from '../../src/model/container.ts';

/** What the engine shows of one container, asked behind the driver's back. */
export interface EngineView {
  readonly labels: Readonly<Record<string, string>>;
  readonly nanoCpus: number;
  readonly cpuShares: number;
  readonly memoryBytes: number;
  readonly memoryAndSwapBytes: number;
  readonly pidsLimit: number | null;
  readonly restartPolicy: string;
  readonly privileged: boolean;
  readonly runs: boolean;
}

/** What an engine does not do; a test of it asserts what the driver says instead. */
export interface EngineLimits {
  /** The signals that a stop sends are events. */
  readonly tellsSignals: boolean;
  /** An exit's event has its code, and memory that ran out was told before it. */
  readonly explainsExits: boolean;
  /** An observation tells why the last start failed. */
  readonly remembersFailedStart: boolean;
  /** An observation tells that memory ran out. */
  readonly tellsOom: boolean;
}

export interface DriverUnderTest {
  readonly driver: RuntimeDriver & RuntimePowers;
  readonly engine: EngineLimits;
  readonly worldId: string;
  /** Of an image that is there, and has `sh` and the commands of busybox. */
  spec(changes?: Partial<ContainerSpec>): ContainerSpec;
  /** Another driver for the same engine, as after a crash of the agent. */
  again(): RuntimeDriver;
  /** What somebody does at the engine itself. */
  readonly byHand: {
    view(engineId: string): Promise<EngineView | null>;
    kill(engineId: string, signal: string): Promise<void>;
    remove(engineId: string): Promise<void>;
    rename(engineId: string): Promise<void>;
    /** Creates a container of this image; returns its engine id. */
    create(image: string): Promise<string>;
    /** Bind mounts by destination. */
    mounts(engineId: string): Promise<readonly { readonly source: string; readonly destination: string }[]>;
    /** Ends what keeps the namespace alive, and leaves the rest. */
    killSandbox(sandbox: Sandbox): Promise<void>;
    /** Removes all of it. */
    removeSandbox(sandbox: Sandbox): Promise<void>;
  };
  /** Removes all that the tests made and closes the drivers. */
  stop(): Promise<void>;
}

/** One test's own container in the world under test. */
export interface Stage extends DriverUnderTest {
  readonly id: string;
  /** A new operation for it. */
  operation(generation?: number): OperationIdentity;
  readonly signal: AbortSignal;
}

/** A first run on the engine's own network, unless told otherwise. */
export function creation(spec: ContainerSpec, changes: Partial<CreateOptions> = {}): CreateOptions {
  return { spec, sandbox: null, files: null, mounts: [], run: 1, start: false, isFirst: false, ...changes };
}

export const allOutput: LogOptions = {
  stdout: true,
  stderr: true,
  timestamps: false,
  tail: 'all',
  sinceSeconds: 0,
  follow: false,
};

let containers = 0;
let operations = 0;

/** Gives a test a container id of its own and a signal that ends its waits. */
export function onStage(under: DriverUnderTest): Stage {
  const id = `c${(containers += 1)}-${under.worldId}`;
  return {
    ...under,
    id,
    operation: (generation = 1) => ({
      opId: `op-${(operations += 1)}`,
      worldId: under.worldId,
      containerId: id,
      tenant: 'p1',
      generation,
      epoch: 3,
    }),
    signal: AbortSignal.timeout(60_000),
  };
}

/** Creates and starts the container of this stage: what sleeps, or a shell with this script. */
export async function started(
  { driver, spec, operation, signal }: Stage,
  script?: string,
  changes: Partial<ContainerSpec> = {},
): Promise<Observation> {
  const asked = spec({ ...(script !== undefined && { command: ['sh', '-c', script] }), ...changes });
  await driver.createContainer(operation(), creation(asked), signal);
  return driver.startContainer(operation(), { run: 1, limits: null }, signal);
}

/** Follows its output until that matches. */
export async function said({ driver, id, signal }: Stage, pattern: RegExp): Promise<void> {
  let output = '';
  for await (const chunk of await driver.logs(id, { ...allOutput, follow: true }, signal)) {
    output += String(chunk);
    if (pattern.test(output)) return;
  }
  throw new Error(`Its output ended without ${pattern}: ${output}`);
}

/** A folder on this host that the test may fill. */
export async function hostFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'troupe-stage-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

/** Its observation once it has ended, found by the engine's events. */
export async function exitOf({ driver, id, signal }: Stage) {
  const done = new AbortController();
  for await (const event of driver.events(AbortSignal.any([signal, done.signal]))) {
    if (event.kind !== 'gap' && !(event.kind === 'container' && event.containerId === id)) continue;
    const observation = await driver.observe(id, signal);
    if (observation?.state === 'exited') return observation;
  }
  return null;
}

type ContainerEvent = Extract<EngineEvent, { kind: 'container' }>;
type SandboxEvent = Extract<EngineEvent, { kind: 'sandbox' }>;

/** Reads the engine's events one by one. */
export function listen({ driver, id, signal }: Stage) {
  const ended = new AbortController();
  const events = driver.events(AbortSignal.any([signal, ended.signal]))[Symbol.asyncIterator]();
  const next = async (): Promise<EngineEvent> => {
    const result = await events.next();
    if (result.done) throw new Error('The events ended');
    return result.value;
  };
  return {
    next,
    async nextOfMine(): Promise<ContainerEvent> {
      for (;;) {
        const event = await next();
        if (event.kind === 'container' && event.containerId === id) return event;
      }
    },
    async nextOfSandbox(sandboxId: string): Promise<SandboxEvent> {
      for (;;) {
        const event = await next();
        if (event.kind === 'sandbox' && event.sandboxId === sandboxId) return event;
      }
    },
    async end(): Promise<void> {
      ended.abort();
      await events.return?.();
    },
  };
}
