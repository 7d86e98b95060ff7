/** Who may do what. The chart says what is possible in a state; this says who may ask for it. */
import { parse } from 'yaml';
import { TroupeError } from '../../errors/errors.ts';
import type { Identity } from '../auth/identity.ts';
import {
  ExpressionError,
  holds,
  namedRoles,
  namedRules,
  parseRule,
  type Check,
  type Credentials,
  type Target,
} from './expression.ts';
import { defaultRules, type RuleName } from './rules.ts';

/** What one caller may do. Without a target a rule is asked about the caller's own project. */
export interface Access {
  /** Finds what belongs to any project. */
  readonly isAdmin: boolean;
  may(rule: RuleName, target?: Target): boolean;
  /** @throws TroupeError FORBIDDEN naming the rule */
  require(rule: RuleName, target?: Target): void;
  /** Of a reader, a member and an admin, those that a rule lets. */
  whoMay(rule: RuleName, target: Target): readonly Role[];
}

/** As lifecycles name those who may send an event: of the resource's project, and of none. */
export type Role = 'reader' | 'owner' | 'admin';

export interface Policy {
  of(identity: Pick<Identity, 'userId' | 'projectId' | 'roles'>): Access;
}

/** What stops a policy file from being used, in one line. */
export class PolicyError extends Error {}

/**
 * @param overrides text of a policy file: names of rules, each with a rule
 * @throws PolicyError naming the rule, for one that is unknown, can't be evaluated or leads to itself
 */
export function createPolicy(overrides = ''): Policy {
  const given = fileRules(overrides);
  const rules = new Map<string, Check>(
    Object.entries(defaultRules).map(([name, { check }]) => [name, parseRule(check)]),
  );
  for (const [name, rule] of given) rules.set(name, parsed(name, rule));
  checkNames(rules);
  checkCycles(rules);

  const holdsFor = (rule: string, credentials: Credentials, target: Target): boolean =>
    holds(rules.get(rule)!, credentials, target, rules);
  const credentialsOf = (userId: string, projectId: string, roles: readonly string[]): Credentials => {
    const unranked = { user_id: userId, project_id: projectId, roles, is_admin: false };
    return { ...unranked, is_admin: holdsFor('context_is_admin', unranked, ownOf(unranked)) };
  };
  const adminRoles = [...new Set(namedRoles(rules.get('context_is_admin')!))];
  const whoMay: Access['whoMay'] = (rule, target) => {
    const { project_id: project = '', user_id: user = '' } = target;
    const candidates: Readonly<Record<Role, Credentials>> = {
      reader: credentialsOf('', project, ['reader']),
      owner: credentialsOf(user, project, ['reader', 'member']),
      admin: credentialsOf('', '', [...adminRoles, 'reader', 'member']),
    };
    return (Object.keys(candidates) as Role[]).filter((role) => holdsFor(rule, candidates[role], target));
  };

  return {
    of({ userId, projectId, roles }) {
      const credentials = credentialsOf(userId, projectId, roles);
      const own = ownOf(credentials);
      return {
        isAdmin: credentials.is_admin,
        whoMay,
        may: (rule, target = own) => holdsFor(rule, credentials, target),
        require(rule, target = own) {
          if (!holdsFor(rule, credentials, target))
            throw new TroupeError('FORBIDDEN', `Policy doesn't allow ${rule} to be performed.`);
        },
      };
    },
  };
}

const ownOf = ({ project_id, user_id }: Credentials): Target => ({ project_id, user_id });

function fileRules(text: string): ReadonlyMap<string, unknown> {
  let content: unknown;
  try {
    content = parse(text, { logLevel: 'error' });
  } catch (error) {
    const [line = ''] = (error as Error).message.split('\n');
    throw new PolicyError(`is no YAML: ${line.replace(/:$/, '')}`);
  }
  if (content === null || content === undefined) return new Map();
  if (typeof content !== 'object' || Array.isArray(content))
    throw new PolicyError('must hold names of rules with a rule each');
  return new Map(Object.entries(content));
}

function parsed(name: string, rule: unknown): Check {
  try {
    return parseRule(rule);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw new PolicyError(`has a rule "${name}" that can't be used: it ${error.message}`);
  }
}

/** A rule of the file's own is there for others to name. */
function checkNames(rules: ReadonlyMap<string, Check>): void {
  const named = new Map([...rules].flatMap(([name, check]) => namedRules(check).map((each) => [each, name])));
  for (const [each, by] of named)
    if (!rules.has(each))
      throw new PolicyError(`has a rule "${by}" that can't be used: there is no rule "${each}"`);
  for (const name of rules.keys())
    if (!Object.hasOwn(defaultRules, name) && !named.has(name))
      throw new PolicyError(
        `has a rule "${name}" that nothing asks; the rules that there are stand in docs/policy.md`,
      );
}

function checkCycles(rules: ReadonlyMap<string, Check>): void {
  const done = new Set<string>();
  const walk = (name: string, path: readonly string[]): void => {
    if (path.includes(name))
      throw new PolicyError(
        `has a rule "${name}" that can't be used: it leads to itself, ${[...path.slice(path.indexOf(name)), name].join(' → ')}`,
      );
    if (done.has(name)) return;
    for (const next of namedRules(rules.get(name)!)) walk(next, [...path, name]);
    done.add(name);
  };
  for (const name of rules.keys()) walk(name, []);
}
