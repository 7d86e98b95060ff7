import { fromPromise } from 'xstate';

/** An effect by name: charts say what is wanted, `actors/effects` binds how. Run unbound, it fails by its name. */
export const unbound = <TOutput, TInput>(name: string) =>
  fromPromise<TOutput, TInput>(() => Promise.reject(new Error(`Effect "${name}" is not bound`)));
