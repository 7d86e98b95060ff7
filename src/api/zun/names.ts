/** Names for what was not given one: `<greek letter>-<1..24>-container`, as Zun makes them. */
import type { Environment } from '../../model/environment.ts';

const letters = [
  'alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta', 'eta', 'theta', 'iota', 'kappa', 'lambda', 'mu',
  'nu', 'xi', 'omicron', 'pi', 'rho', 'sigma', 'tau', 'upsilon', 'phi', 'chi', 'psi', 'omega',
] as const; // prettier-ignore

/** @param kind what it is the name of; empty for a part of another name */
export function generateName(environment: Environment, kind: 'container' | 'capsule' | ''): string {
  const letter = letters[Math.floor(environment.random() * letters.length)];
  const number = 1 + Math.floor(environment.random() * letters.length);
  return [letter, number, ...(kind === '' ? [] : [kind])].join('-');
}
