/** What callers ask of actors: of none while we stop, of none that can't be read, and for no longer than they wait. */
import { TroupeError } from '../errors/errors.ts';
import { parseAddress, type Address } from '../model/address.ts';
import type { Caller } from '../model/caller.ts';
import type { Environment } from '../model/environment.ts';
import { causeOf } from './cause-of.ts';
import type { Runtime } from './runtime.ts';
import type { Revision, TurnAnswer, TurnEvent } from './turn.ts';

export interface AsksOptions {
  readonly environment: Pick<Environment, 'schedule'>;
  readonly runtime: Pick<Runtime, 'ask'>;
  /** Of an actor that can't be read. */
  readonly problem: (address: Address) => TroupeError | null;
  readonly isStopping: () => boolean;
  /** How long a caller waits for a durable answer. */
  readonly answerMs: number;
}

export interface Asks {
  /** @throws TroupeError SHUTTING_DOWN, QUARANTINED */
  check(address: Address): void;
  /** A caller waits only so long: then the outcome is told to be unknown, with the resource's id. @throws TroupeError COMMIT_UNKNOWN */
  withinTime<T>(id: string, answer: Promise<T>): Promise<T>;
  within<T>(address: Address, answer: Promise<T>): Promise<T>;
  /** Checked first, then waited for. */
  taken<T>(address: Address, ask: () => Promise<T>): Promise<T>;
  command(address: Address, event: TurnEvent, caller: Caller, revise?: Revision): Promise<TurnAnswer>;
}

export function createAsks({ environment, runtime, problem, isStopping, answerMs }: AsksOptions): Asks {
  const check = (address: Address): void => {
    if (isStopping()) throw new TroupeError('SHUTTING_DOWN', 'The control plane is stopping; try again');
    const found = problem(address);
    if (found) throw found;
  };
  const withinTime = <T>(id: string, answer: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const cancel = environment.schedule(answerMs, () =>
        reject(
          new TroupeError(
            'COMMIT_UNKNOWN',
            `It is not known yet whether the request on "${id}" was taken; look at it again`,
            { details: { id } },
          ),
        ),
      );
      answer.then(resolve, reject).finally(cancel);
    });
  const within = <T>(address: Address, answer: Promise<T>): Promise<T> =>
    withinTime(parseAddress(address).id, answer);
  const taken = async <T>(address: Address, ask: () => Promise<T>): Promise<T> => {
    check(address);
    return within(address, ask());
  };
  return {
    check,
    withinTime,
    within,
    taken,
    command: (address, event, caller, revise) =>
      taken(address, () => runtime.ask(address, event, causeOf(caller), 'command', revise)),
  };
}
