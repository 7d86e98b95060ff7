/** Drives a chart by hand: events in, what the runtime would be told out. */
import type { AnyMachineSnapshot } from 'xstate';
import { createDecider, type Decision } from '../../src/actors/decide.ts';
import type { Chart } from '../../src/machines/chart.ts';
import type { Emitted } from '../../src/model/events.ts';

export interface Walk {
  send(event: { readonly type: string; readonly [field: string]: unknown }): Walk;
  /** The result of an active invoke. */
  done(invokeId: string, output?: unknown): Walk;
  failed(invokeId: string, code: string, retryable?: boolean): Walk;
  readonly paths: readonly string[];
  readonly context: Readonly<Record<string, unknown>>;
  readonly status: string;
  readonly reason: string | null;
  /** Invokes active now. */
  readonly active: readonly string[];
  /** Emitted by the last event. */
  readonly emitted: readonly Emitted[];
  readonly started: Decision['started'];
}

export function walk(chart: Chart, input: unknown): Walk {
  const decider = createDecider(chart);
  let decision = decider.initial(input);
  const snapshot = (): AnyMachineSnapshot => decision.snapshot;
  const walker: Walk = {
    send(event) {
      decision = decider.next(snapshot(), event);
      return walker;
    },
    done(invokeId, output = null) {
      if (!decision.active.has(invokeId))
        throw new Error(`"${invokeId}" is not active in ${decider.paths(snapshot()).join()}`);
      return walker.send({ type: `xstate.done.actor.${invokeId}`, output });
    },
    failed(invokeId, code, retryable = false) {
      if (!decision.active.has(invokeId))
        throw new Error(`"${invokeId}" is not active in ${decider.paths(snapshot()).join()}`);
      return walker.send({
        type: `xstate.error.actor.${invokeId}`,
        error: { code, message: `It failed with ${code}`, retryable },
      });
    },
    get paths() {
      return decider.paths(snapshot());
    },
    get context() {
      return snapshot().context as Record<string, unknown>;
    },
    get status() {
      return decider.project(snapshot()).status;
    },
    get reason() {
      return decider.project(snapshot()).reason;
    },
    get active() {
      return [...decision.active].sort();
    },
    get emitted() {
      return decision.emitted;
    },
    get started() {
      return decision.started;
    },
  };
  return walker;
}
