/** Names for containers that were not given one: `<greek letter>-<1..24>-container`, as Zun makes them. */
import type { Environment } from '../../model/environment.ts';

const letters = [
  'alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta', 'eta', 'theta', 'iota', 'kappa', 'lambda', 'mu',
  'nu', 'xi', 'omicron', 'pi', 'rho', 'sigma', 'tau', 'upsilon', 'phi', 'chi', 'psi', 'omega',
] as const; // prettier-ignore

export function generateName(environment: Environment): string {
  const letter = letters[Math.floor(environment.random() * letters.length)];
  return `${letter}-${1 + Math.floor(environment.random() * letters.length)}-container`;
}
