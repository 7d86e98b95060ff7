/** The site's policy: the defaults, and over them what its file says. */
import { readFileSync } from 'node:fs';
import { createPolicy, PolicyError, type Policy } from '../api/policy/policy.ts';
import type { Config } from '../config/schema.ts';
import { TroupeError } from '../errors/errors.ts';

/** @throws TroupeError INVALID_CONFIG: one line that names the file, the rule, and what is wrong with it */
export function policyOf({ api: { policyFile } }: Config): Policy {
  if (policyFile === '') return createPolicy();
  try {
    return createPolicy(readFileSync(policyFile, 'utf8'));
  } catch (error) {
    const reason =
      error instanceof PolicyError ? error.message : `can't be read: ${(error as Error).message}`;
    throw new TroupeError('INVALID_CONFIG', `The policy file "${policyFile}" ${reason}`);
  }
}
