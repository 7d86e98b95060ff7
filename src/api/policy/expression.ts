/**
 * Rules in oslo.policy's own language, as far as a token and a resource can
 * answer them:
 *
 * | written | holds |
 * | --- | --- |
 * | `@`, an empty text or list | always |
 * | `!` | never |
 * | `rule:NAME` | when that rule does |
 * | `role:NAME` | for who has the role, in any case |
 * | `user_id:…`, `project_id:…`, `roles:…`, `is_admin:True` | when the caller's own is the same |
 * | `'text':…`, `True:…`, `1:…` | when the literal is the same |
 * | `not`, `and`, `or`, parentheses | in this order of precedence, in any case |
 * | lists of lists | when all of one of the inner lists do |
 *
 * Behind the colon, `%(project_id)s` and `%(user_id)s` are the resource's; where
 * it has none the check fails. What oslo.policy would take for never, or would
 * break on when it is asked, is refused.
 *
 * @see https://docs.openstack.org/oslo.policy/latest/admin/policy-yaml-file.html
 */

/** What a rule may know of the caller. */
export interface Credentials {
  readonly user_id: string;
  readonly project_id: string;
  readonly roles: readonly string[];
  readonly is_admin: boolean;
}

/** What a rule may know of the resource; what it has not is left out. */
export interface Target {
  readonly project_id?: string;
  readonly user_id?: string;
}

export type Check =
  | { readonly kind: 'always' }
  | { readonly kind: 'never' }
  | { readonly kind: 'rule'; readonly name: string }
  | { readonly kind: 'role'; readonly value: Template }
  | { readonly kind: 'credential'; readonly name: keyof Credentials; readonly value: Template }
  | { readonly kind: 'literal'; readonly text: string; readonly value: Template }
  | { readonly kind: 'not'; readonly check: Check }
  | { readonly kind: 'and' | 'or'; readonly checks: readonly Check[] };

/** Text, and names of the target's fields in it. */
type Template = readonly (string | { readonly field: keyof Target })[];

/** What is wrong with a rule, as in `"x" is no check; …`. */
export class ExpressionError extends Error {}

const credentialNames: readonly (keyof Credentials)[] = ['user_id', 'project_id', 'roles', 'is_admin'];
const targetFields: readonly (keyof Target)[] = ['project_id', 'user_id'];
/** Parentheses in parentheses, and "not" before "not". */
const depthMost = 100;

const always: Check = { kind: 'always' };
const never: Check = { kind: 'never' };

/** @param rule a text, or lists of them @throws ExpressionError */
export function parseRule(rule: unknown): Check {
  if (typeof rule === 'string') return rule === '' ? always : parseText(rule);
  if (Array.isArray(rule)) return parseLists(rule);
  throw new ExpressionError('must be a text or a list of lists; "@" lets everybody, "!" nobody');
}

/** Outer lists are alternatives, inner ones hold together; empty inner ones count for nothing. */
function parseLists(rule: readonly unknown[]): Check {
  if (rule.length === 0) return always;
  const alternatives = rule.flatMap((each): readonly Check[] => {
    const words: readonly unknown[] = Array.isArray(each) ? each : each === '' ? [] : [each];
    if (words.some((word) => typeof word !== 'string'))
      throw new ExpressionError('has a list with something other than texts in it');
    const checks = (words as readonly string[]).map(parseCheck);
    return checks.length === 0 ? [] : [joined('and', checks)];
  });
  return alternatives.length === 0 ? never : joined('or', alternatives);
}

function parseText(rule: string): Check {
  const tokens = tokensOf(rule);
  let at = 0;
  const word = (): string => (tokens[at] ?? '').toLowerCase();

  const list = (operator: 'and' | 'or', next: (depth: number) => Check, depth: number): Check => {
    const checks = [next(depth)];
    while (word() === operator) {
      at += 1;
      checks.push(next(depth));
    }
    return joined(operator, checks);
  };
  const any = (depth: number): Check => list('or', all, depth);
  const all = (depth: number): Check => list('and', one, depth);
  const one = (depth: number): Check => {
    if (depth > depthMost) throw new ExpressionError(`is nested in more than ${depthMost} levels`);
    const token = tokens[at];
    if (token === undefined) throw new ExpressionError('ends where a check should follow');
    at += 1;
    if (token.toLowerCase() === 'not') return { kind: 'not', check: one(depth + 1) };
    if (token === '(') {
      const inner = any(depth + 1);
      if (tokens[at] !== ')') throw new ExpressionError('has a "(" without its ")"');
      at += 1;
      return inner;
    }
    if (token === ')' || ['and', 'or'].includes(token.toLowerCase()))
      throw new ExpressionError(`has "${token}" where a check should be`);
    return parseCheck(token);
  };

  const check = any(0);
  if (at < tokens.length) throw new ExpressionError(`has "${tokens[at]}" where "and" or "or" should be`);
  return check;
}

const joined = (kind: 'and' | 'or', checks: readonly Check[]): Check =>
  checks.length === 1 ? checks[0]! : { kind, checks };

/** Words, and the parentheses at their ends: those within belong to the word. */
function tokensOf(rule: string): readonly string[] {
  return rule.split(/\s+/).flatMap((word) => {
    let [from, to] = [0, word.length];
    while (word[from] === '(') from += 1;
    while (to > from && word[to - 1] === ')') to -= 1;
    const inner = word.slice(from, to);
    return [...word.slice(0, from), ...(inner === '' ? [] : [inner]), ...word.slice(to)];
  });
}

function parseCheck(word: string): Check {
  if (word === '@') return always;
  if (word === '!') return never;
  const isQuoted = word.length > 1 && word[0] === word.at(-1) && /['"]/.test(word[0]!);
  const [kind = '', match] = word.split(/:(.*)/s);
  if (isQuoted || match === undefined || match === '')
    throw new ExpressionError(
      `has "${word}", which is no check; write it as role:member or rule:admin_or_owner`,
    );
  if (kind === 'rule') return { kind, name: match };
  if (kind === 'http' || kind === 'https')
    throw new ExpressionError(`has "${word}": Troupe asks no other server what is allowed`);
  const value = parseTemplate(match);
  if (kind === 'role') return { kind, value };
  const name = credentialNames.find((each) => each === kind);
  if (name !== undefined) return { kind: 'credential', name, value };
  const text = literalOf(kind);
  if (text !== null) return { kind: 'literal', text, value };
  throw new ExpressionError(
    `has "${word}", and nothing is known of "${kind}"; known are rule, role, ${credentialNames.join(', ')}`,
  );
}

/** As Python prints what it reads of it; null for no literal. */
function literalOf(kind: string): string | null {
  const [, , quoted] = /^(['"])([^'"\\]*)\1$/.exec(kind) ?? [];
  if (quoted !== undefined) return quoted;
  return /^(True|False|None|0|-?[1-9]\d*)$/.test(kind) ? kind : null;
}

function parseTemplate(match: string): Template {
  return match.split(/(%\(\w+\)s|%%)/).flatMap((part): Template => {
    if (part === '%%') return ['%'];
    const [, asked] = /^%\((\w+)\)s$/.exec(part) ?? [];
    if (asked === undefined && part.includes('%'))
      throw new ExpressionError(
        `has "${match}", where "%" begins nothing; write %(project_id)s, or %% for itself`,
      );
    if (asked === undefined) return part === '' ? [] : [part];
    const field = targetFields.find((each) => each === asked);
    if (field === undefined)
      throw new ExpressionError(
        `has "${match}", and nothing is known of "${asked}"; known of a resource are ${targetFields.join(', ')}`,
      );
    return [{ field }];
  });
}

/** Whether it holds. @param rules each that is named is there, and none leads to itself */
export function holds(
  check: Check,
  credentials: Credentials,
  target: Target,
  rules: ReadonlyMap<string, Check>,
): boolean {
  const each = (inner: Check): boolean => holds(inner, credentials, target, rules);
  switch (check.kind) {
    case 'always':
      return true;
    case 'never':
      return false;
    case 'rule':
      return each(rules.get(check.name) ?? never);
    case 'role': {
      const role = filled(check.value, target)?.toLowerCase();
      return credentials.roles.some((own) => own.toLowerCase() === role);
    }
    case 'credential': {
      const [own, asked] = [credentials[check.name], filled(check.value, target)];
      return Array.isArray(own) ? own.includes(asked) : shown(own as string | boolean) === asked;
    }
    case 'literal':
      return filled(check.value, target) === check.text;
    case 'not':
      return !each(check.check);
    case 'and':
      return check.checks.every(each);
    case 'or':
      return check.checks.some(each);
  }
}

/** As Python prints it. */
const shown = (value: string | boolean): string =>
  typeof value === 'boolean' ? (value ? 'True' : 'False') : value;

/** Null where the target lacks one of its fields. */
function filled(template: Template, target: Target): string | null {
  let text = '';
  for (const part of template) {
    const value = typeof part === 'string' ? part : target[part.field];
    if (value === undefined) return null;
    text += value;
  }
  return text;
}

/** Rules that it names. */
export function namedRules(check: Check): readonly string[] {
  if (check.kind === 'rule') return [check.name];
  if (check.kind === 'not') return namedRules(check.check);
  return check.kind === 'and' || check.kind === 'or' ? check.checks.flatMap(namedRules) : [];
}

/** Roles that it names, wherever. */
export function namedRoles(check: Check): readonly string[] {
  if (check.kind === 'role') return check.value.flatMap((part) => (typeof part === 'string' ? [part] : []));
  if (check.kind === 'not') return namedRoles(check.check);
  return check.kind === 'and' || check.kind === 'or' ? check.checks.flatMap(namedRoles) : [];
}
