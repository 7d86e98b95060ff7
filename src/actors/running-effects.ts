/**
 * Which operations run now. Follows the committed operations tables: what is
 * committed and still wanted runs, what a durable turn has ended is stopped.
 */
import { toFailure } from '../errors/errors.ts';
import type { Address } from '../model/address.ts';
import type { Environment } from '../model/environment.ts';
import type { Operation } from '../model/journal.ts';
import type { Effects, StopEffect } from './effects/effect.ts';
import type { Cell } from './cell.ts';

export interface RunningEffects {
  /** Brings what runs for `cell` in line with its committed operations. */
  reconcile(cell: Cell): void;
  stopAll(): void;
  readonly count: number;
}

export function createRunningEffects(environment: Environment, effects: Effects): RunningEffects {
  const running = new Map<Address, Map<string, { readonly opId: string; readonly stop: StopEffect }>>();
  let count = 0;

  const start = (cell: Cell, invokeId: string, operation: Operation): StopEffect => {
    const finish = (event: { type: string; [field: string]: unknown }): void => {
      if (running.get(cell.address)?.get(invokeId)?.opId !== operation.opId) return;
      cell.deliver({
        event,
        cause: {
          kind: 'operation',
          opId: operation.opId,
          src: operation.src,
          requestId: operation.requestId,
        },
        source: { kind: 'result', invokeId, opId: operation.opId },
      });
    };
    const failed = (error: unknown): void =>
      finish({ type: `xstate.error.actor.${invokeId}`, actorId: invokeId, error: toFailure(error) });
    const effect = effects[operation.src];
    if (!effect) {
      environment.defer(() => failed(new Error(`No effect is bound to "${operation.src}"`)));
      return () => {};
    }
    return effect({
      address: cell.address,
      invokeId,
      operation,
      context: cell.committed!.record.context,
      done: (output) => finish({ type: `xstate.done.actor.${invokeId}`, actorId: invokeId, output }),
      failed,
    });
  };

  return {
    reconcile(cell) {
      const wanted = cell.committed?.record.endedAt === null ? cell.committed.record.operations : {};
      const known = running.get(cell.address);
      const invokeIds = Object.keys(wanted);
      if (!known && invokeIds.length === 0) return;
      const current = known ?? new Map<string, { opId: string; stop: StopEffect }>();
      for (const [invokeId, { opId, stop }] of current) {
        if (wanted[invokeId]?.opId === opId) continue;
        current.delete(invokeId);
        count -= 1;
        stop();
      }
      for (const invokeId of invokeIds) {
        const operation = wanted[invokeId]!;
        if (current.has(invokeId)) continue;
        // Entered before it starts, since an effect may finish at once.
        let stop: StopEffect = () => {};
        current.set(invokeId, { opId: operation.opId, stop: () => stop() });
        running.set(cell.address, current);
        count += 1;
        stop = start(cell, invokeId, operation);
      }
      if (current.size === 0) running.delete(cell.address);
    },
    stopAll() {
      for (const operations of running.values()) for (const { stop } of operations.values()) stop();
      running.clear();
      count = 0;
    },
    get count() {
      return count;
    },
  };
}
