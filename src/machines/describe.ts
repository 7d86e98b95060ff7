import type { ActorKind } from '../model/address.ts';
import type { Chart } from './chart.ts';

/**
 * What each invoke of a chart waits for, in words.
 *
 * @param descriptions by invoke id
 * @returns what throws RangeError for an invoke that the chart does not have
 */
export const describeBy =
  <C>(
    kind: ActorKind,
    descriptions: Readonly<Record<string, string | ((context: C) => string)>>,
  ): Chart['describe'] =>
  (invokeId, context) => {
    const description = descriptions[invokeId];
    if (!description) throw new RangeError(`The ${kind} chart has no invoke "${invokeId}"`);
    return typeof description === 'string' ? description : description(context as C);
  };
