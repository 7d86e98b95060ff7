/** oslo.policy's language: what holds for whom, what binds how, and what is refused. @see test/compat/oslo-policy.test.ts */
import fc from 'fast-check';
import t from 'tap';
import {
  ExpressionError,
  holds,
  parseRule,
  type Check,
  type Credentials,
  type Target,
} from '../../src/api/policy/expression.ts';

const ann: Credentials = { user_id: 'ann', project_id: 'p1', roles: ['Member', 'reader'], is_admin: false };
const own: Target = { project_id: 'p1', user_id: 'ann' };

const says = (
  rule: unknown,
  credentials = ann,
  target = own,
  others: Record<string, unknown> = {},
): boolean =>
  holds(
    parseRule(rule),
    credentials,
    target,
    new Map(Object.entries(others).map(([name, each]) => [name, parseRule(each)])),
  );

t.test('each check', async (t) => {
  for (const [rule, expected] of [
    ['', true],
    ['@', true],
    ['!', false],
    [[], true],
    [[[]], false],
    ['role:member', true],
    ['role:MEMBER', true],
    ['role:admin', false],
    ['roles:reader', true],
    ['roles:member', false],
    ['project_id:%(project_id)s', true],
    ['project_id:p1', true],
    ['project_id:p%%', false],
    ['user_id:%(user_id)s', true],
    ['user_id:x%(user_id)s', false],
    ['is_admin:True', false],
    ['is_admin:False', true],
    ['is_admin:false', false],
    ["'p1':%(project_id)s", true],
    ['"p2":%(project_id)s', false],
    ['True:True', true],
    ['1:1', true],
    ['-1:-1', true],
    ['None:None', true],
    ['role:%(user_id)s', false],
    ['NOT role:admin AND (role:member Or !)', true],
    [['role:admin', 'role:member'], true],
    [
      [
        ['role:admin', 'role:member'],
        ['user_id:ann', 'project_id:p1'],
      ],
      true,
    ],
    [[['role:admin', 'role:member']], false],
  ] as const)
    t.equal(says(rule), expected, JSON.stringify(rule));
});

t.test('what a resource has not, no check finds', async (t) => {
  t.equal(says('project_id:%(project_id)s', ann, {}), false);
  t.equal(says('not project_id:%(project_id)s', ann, {}), true);
  t.equal(says('role:%(user_id)s', ann, {}), false);
});

t.test('a rule is what it is now', async (t) => {
  t.equal(says('rule:owner', ann, own, { owner: 'project_id:%(project_id)s' }), true);
  t.equal(says('not rule:owner', ann, own, { owner: '!' }), true);
});

t.test('what oslo.policy would take for never, or break on, is refused in words', async (t) => {
  for (const [rule, told] of [
    ['member', /has "member", which is no check; write it as role:member/],
    ['role:', /has "role:", which is no check/],
    ["'member'", /which is no check/],
    ["'role:member'", /which is no check/],
    ['role:a role:b', /has "role:b" where "and" or "or" should be/],
    ['role:a and', /ends where a check should follow/],
    ['   ', /ends where a check should follow/],
    ['and role:a', /has "and" where a check should be/],
    ['not or role:a', /has "or" where a check should be/],
    ['(role:a', /has a "\(" without its "\)"/],
    ['role:a)', /has "\)" where "and" or "or" should be/],
    ['()', /has "\)" where a check should be/],
    ['http://policy.example/%(user_id)s', /asks no other server/],
    ['https://policy.example', /asks no other server/],
    ['system_scope:all', /nothing is known of "system_scope"; known are rule, role, user_id/],
    ['class:x', /nothing is known of "class"/],
    ["'a\\n':x", /nothing is known of/],
    ['01:1', /nothing is known of "01"/],
    ['user_id:%(name)s', /nothing is known of "name"; known of a resource are project_id, user_id/],
    ['user_id:%s', /"%" begins nothing/],
    ['user_id:100%', /"%" begins nothing/],
    [`${'('.repeat(101)}@${')'.repeat(101)}`, /nested in more than 100 levels/],
    [`${'not '.repeat(5_000)}@`, /nested in more than 100 levels/],
    [null, /must be a text or a list of lists/],
    [true, /must be a text/],
    [{ role: 'member' }, /must be a text/],
    [[1], /something other than texts/],
    [[['role:a', null]], /something other than texts/],
    [['role'], /which is no check/],
  ] as const)
    t.throws(() => parseRule(rule), { constructor: ExpressionError, message: told }, JSON.stringify(rule));
});

/** A rule as a tree, with what it must say. */
type Tree =
  | { readonly leaf: boolean }
  | { readonly not: Tree }
  | { readonly op: 'and' | 'or'; readonly parts: readonly Tree[] };

const tree = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'medium' },
    fc.record({ leaf: fc.boolean() }),
    fc.record({ not: tie('tree') }),
    fc.record({
      op: fc.constantFrom('and' as const, 'or' as const),
      parts: fc.array(tie('tree'), { minLength: 2, maxLength: 4 }),
    }),
  ),
})).tree;

const meaning = (each: Tree): boolean => {
  if ('leaf' in each) return each.leaf;
  if ('not' in each) return !meaning(each.not);
  return each.op === 'and' ? each.parts.every(meaning) : each.parts.some(meaning);
};

const binding = { or: 0, and: 1, not: 2 };

/** With parentheses only where precedence needs them. */
const written = (each: Tree, within: number): string => {
  if ('leaf' in each) return each.leaf ? '@' : '!';
  const level = 'not' in each ? binding.not : binding[each.op];
  const text =
    'not' in each
      ? `not ${written(each.not, level)}`
      : each.parts.map((part) => written(part, level + 1)).join(` ${each.op} `);
  return level < within ? `(${text})` : text;
};

t.test('"not" binds before "and", "and" before "or"', async () => {
  fc.assert(
    fc.property(tree, (each) => says(written(each, 0)) === meaning(each)),
    { numRuns: 500 },
  );
});

const words = ['and', 'or', 'not', 'OR', '(', ')', '((', '))', '@', '!', ':', '%', '%(project_id)s', "'", 'role:a', '(role:a)', 'rule:r',
  'user_id:%(user_id)s', 'x:y', '\t', '\n']; // prettier-ignore

t.test('whatever is written is a rule or is refused in one line', async () => {
  const garbage = fc.oneof(
    fc.string(),
    fc.array(fc.constantFrom(...words), { maxLength: 12 }).map((each) => each.join(' ')),
    fc.array(fc.constantFrom(...words), { maxLength: 12 }).map((each) => each.join('')),
    fc.anything(),
  );
  fc.assert(
    fc.property(garbage, (rule) => {
      let check: Check;
      try {
        check = parseRule(rule);
      } catch (error) {
        return error instanceof ExpressionError;
      }
      return typeof holds(check, ann, own, new Map()) === 'boolean';
    }),
    { numRuns: 2_000 },
  );
});
