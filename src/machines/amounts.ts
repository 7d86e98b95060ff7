/** Arithmetic of amounts. Pure. */
import type { Amounts } from '../model/container.ts';

export const noAmounts: Amounts = { containers: 0, cpuMillis: 0, memoryMib: 0, diskGib: 0 };

const combine = (one: Amounts, other: Amounts, by: (a: number, b: number) => number): Amounts => ({
  containers: by(one.containers, other.containers),
  cpuMillis: by(one.cpuMillis, other.cpuMillis),
  memoryMib: by(one.memoryMib, other.memoryMib),
  diskGib: by(one.diskGib, other.diskGib),
});

export const plus = (one: Amounts, other: Amounts): Amounts => combine(one, other, (a, b) => a + b);

/** Never below nothing: what was not counted can't be given back. */
export const minus = (one: Amounts, other: Amounts): Amounts =>
  combine(one, other, (a, b) => Math.max(0, a - b));

export const equal = (one: Amounts, other: Amounts): boolean =>
  one.containers === other.containers &&
  one.cpuMillis === other.cpuMillis &&
  one.memoryMib === other.memoryMib &&
  one.diskGib === other.diskGib;
