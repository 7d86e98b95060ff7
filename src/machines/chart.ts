/** What a statechart is to the rest of Troupe: a versioned machine and a total projection of its states. */
import type { AnyStateMachine } from 'xstate';
import type { ActorKind } from '../model/address.ts';

/** What the APIs show of a configuration; computed from state `meta` by a total function. */
export interface Projection {
  /** Zun's status (zun-api 3.2), or the kind's own word for hosts and tenants. */
  readonly status: string;
  /** Zun's task_state (zun-api 3.3), null when settled. */
  readonly taskState: string | null;
  /** One sentence: why it is not running, what it waits for. Never empty for a container that isn't running as asked. */
  readonly reason: string | null;
}

/** What a snapshot is, apart from XState's private form: migrations map this and nothing else. */
export interface Envelope {
  readonly value: unknown;
  readonly context: unknown;
  readonly chartVersion: number;
}

/**
 * A representative of a command that people may send, for the lifecycle view and the console's buttons, e.g.
 * `{type: 'container.delete', mode: 'stop', graceMs: 10000}`. Who may is the API's policy.
 */
export interface CommandSample {
  readonly type: string;
  readonly [field: string]: unknown;
}

/**
 * States carry tags `transient` (has a deadline, will move by itself) or
 * `settled` (stays until something happens). Settling resets attempt counts.
 */
export interface Chart {
  readonly kind: ActorKind;
  /** Raised by each change that an older snapshot would notice; each raise has a migration. */
  readonly version: number;
  readonly machine: AnyStateMachine;
  /** `paths` are the active atomic states, e.g. `['acquiring.image.pulling']`. Total. */
  project(paths: readonly string[], context: unknown): Projection;
  /** What an active invoke waits for, in words, e.g. "the engine on host h1 to create the container". Total over invoke ids. */
  describe(invokeId: string, context: unknown): string;
  readonly commands: readonly CommandSample[];
  /** What may be asked of it that moves nothing; of kinds that are asked for some. */
  readonly services?: readonly string[];
  /** `migrations[n]` turns an envelope of version n into n + 1. Pure. */
  readonly migrations: Readonly<Record<number, (envelope: Envelope) => Envelope>>;
}
