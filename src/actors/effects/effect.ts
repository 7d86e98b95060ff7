/**
 * An effect is what a chart invokes: started after its turn's commit, ended by
 * its result or by a later turn that leaves the state. Restored effects start
 * again with the same operation id, so each is an *ensure*.
 */
import { toFailure } from '../../errors/errors.ts';
import type { Address } from '../../model/address.ts';
import type { Failure } from '../../model/failure.ts';
import type { Operation } from '../../model/journal.ts';

export interface EffectRun {
  readonly address: Address;
  readonly invokeId: string;
  readonly operation: Operation;
  /** Of the actor when the operation was committed. */
  readonly context: unknown;
  done(output: unknown): void;
  failed(failure: Failure): void;
}

/** Ends the wait for a result; what was begun on a host or in a cloud is ended by another operation only. */
export type StopEffect = () => void;

export type Effect = (run: EffectRun) => StopEffect;

/** By the name in the chart (`src`). A name that is missing fails its actor visibly. */
export type Effects = Readonly<Record<string, Effect>>;

/** One whose result is what `work` comes to. @param work told whether it is still wanted; how it rejects is its failure */
export const promised =
  (work: (run: EffectRun, isWanted: () => boolean) => Promise<unknown>): Effect =>
  (run) => {
    let wanted = true;
    work(run, () => wanted).then(
      (output) => wanted && run.done(output),
      (error: unknown) => wanted && run.failed(toFailure(error)),
    );
    return () => {
      wanted = false;
    };
  };
