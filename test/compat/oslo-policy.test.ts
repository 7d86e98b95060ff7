/** Rules as OpenStack's own oslo.policy answers them: random rules, callers and resources, asked of both. */
import { spawnSync } from 'node:child_process';
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

/** Answers each case of a JSON list on stdin: true, false, or null where it breaks. */
const asker = `
import json, logging, sys
from oslo_config import cfg
from oslo_policy import policy
logging.disable(logging.CRITICAL)
conf = cfg.ConfigOpts()
conf([])
answers = []
for case in json.load(sys.stdin):
    enforcer = policy.Enforcer(conf, use_conf=False)
    try:
        enforcer.set_rules(policy.Rules.from_dict(case['rules']), overwrite=True, use_conf=False)
        answers.append(bool(enforcer.enforce('asked', case['target'], case['credentials'])))
    except Exception:
        answers.append(None)
json.dump(answers, sys.stdout)
`;

interface Case {
  readonly rules: Readonly<Record<'asked' | 'r1' | 'r2', unknown>>;
  readonly credentials: Credentials;
  readonly target: Target;
}

const names = ['a', 'b', 'A', 'p1', 'True'];
const check = fc.constantFrom(
  '@', '!', 'role:a', 'role:A', 'role:b', 'roles:a', 'role:%(user_id)s', 'rule:r1', 'rule:r2', 'project_id:%(project_id)s',
  'user_id:%(user_id)s', 'user_id:a', 'project_id:%(user_id)s', 'is_admin:True', 'is_admin:False', 'is_admin:%(user_id)s',
  "'a':%(user_id)s", '"p1":%(project_id)s', 'True:%(user_id)s', '1:1', '-1:1', 'None:None', 'user_id:%%', 'user_id:%(user_id)s%%',
); // prettier-ignore

/** Well formed: with spaces, case and parentheses as people write them. */
const sound = fc.letrec<{ rule: string }>((tie) => ({
  rule: fc.oneof(
    { depthSize: 'medium' },
    check,
    tie('rule').map((rule) => `(${rule})`),
    tie('rule').map((rule) => `( ${rule} )`),
    check.map((rule) => `not ${rule}`),
    tie('rule').map((rule) => `not (${rule})`),
    fc
      .tuple(tie('rule'), fc.constantFrom(' and ', ' or ', ' AND ', '  Or\t'), tie('rule'))
      .map((parts) => parts.join('')),
  ),
})).rule;
const garbage = fc
  .array(fc.oneof(check, fc.constantFrom('and', 'or', 'not', '(', ')', 'x', 'x:y', "'a'")), { maxLength: 7 })
  .map((words) => words.join(' '));
const lists = fc.array(fc.oneof(check, fc.constant(''), fc.array(check, { maxLength: 3 })), { maxLength: 3 });
/** What names no rule, so that none leads to itself. */
const leaf = check.map((each) => (each.startsWith('rule:') ? '!' : each));

const cases = fc.record<Case>({
  rules: fc.record({ asked: fc.oneof({ arbitrary: sound, weight: 4 }, garbage, lists), r1: leaf, r2: leaf }),
  credentials: fc.record({
    user_id: fc.constantFrom(...names),
    project_id: fc.constantFrom(...names),
    roles: fc.subarray(names),
    is_admin: fc.boolean(),
  }),
  target: fc.record(
    { user_id: fc.constantFrom(...names), project_id: fc.constantFrom(...names) },
    { requiredKeys: [] },
  ),
});

/** Null = it is refused. */
function ours({ rules, credentials, target }: Case): boolean | null {
  try {
    const parsed = new Map<string, Check>(
      Object.entries(rules).map(([name, rule]) => [name, parseRule(rule)]),
    );
    return holds(parsed.get('asked')!, credentials, target, parsed);
  } catch (error) {
    if (error instanceof ExpressionError) return null;
    throw error;
  }
}

t.test('what is taken means the same, and what means nothing to oslo.policy is refused', async (t) => {
  const seed = Number(process.env['SEED'] ?? 1);
  t.comment(`seed ${seed}`);
  const sample = fc.sample(cases, { numRuns: 3_000, seed });
  const { stdout, stderr, status } = spawnSync('/usr/bin/python3', ['-c', asker], {
    input: JSON.stringify(sample),
    encoding: 'utf8',
    maxBuffer: 16 * 1024 * 1024,
  });
  t.equal(status, 0, stderr);
  const theirs = JSON.parse(stdout) as (boolean | null)[];
  const counts = { true: 0, false: 0, null: 0 };
  for (const [at, each] of sample.entries()) {
    const answer = ours(each);
    counts[`${answer}`] += 1;
    // A rule that can't be read is never, there; here nothing starts with it.
    if (answer === null ? theirs[at] === true : answer !== theirs[at])
      t.fail(`oslo.policy says ${theirs[at]}, we ${answer}: ${JSON.stringify(each)}`);
  }
  t.comment(JSON.stringify(counts));
  t.ok(Math.min(counts.true, counts.false, counts.null) > 100, 'each of them often enough to matter');
});
