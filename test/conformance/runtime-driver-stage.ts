/** What the contract of runtime drivers needs of a driver, and what each of its tests stands on. */
import type { OperationIdentity, RuntimeDriver } from '../../src/drivers/runtime/runtime-driver.ts';
import type { ContainerSpec } from '../../src/model/container.ts';

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

export interface DriverUnderTest {
  readonly driver: RuntimeDriver;
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
