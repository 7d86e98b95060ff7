/** `docs/policy.md` from the table of rules. */
import { defaultRules } from '../../src/api/policy/rules.ts';
import { code, table } from './markdown.ts';

export function policyPage(): string {
  const rows = Object.entries(defaultRules).map(([name, { check, description }]) => [
    code(name),
    code(check),
    description,
  ]);
  return `# Policy

Who may do what: every rule with its default, made from \`src/api/policy/rules.ts\` by \`npm run docs\`. What is possible
in a state is the statechart's word; lifecycles, the console and the command line offer what both allow.

The defaults are Zun's, and two things more: who has the role \`reader\` and not \`member\` may look and change nothing, and the
routes that Zun has not have rules of their own. What belongs to another project is not found, whatever the rules say, but by
who is an admin.

## A policy file

\`api.policyFile\` names one. It is read at the start, and says what is other than the default, in oslo.policy's own language:

\`\`\`yaml
# Who made a container may delete it, beside admins.
container:delete: is_admin:True or user_id:%(user_id)s
# Some are admins of containers alone.
context_is_admin: role:admin or role:container_admin
# Privileges that nobody has by default.
container:create:runtime: rule:trusted
# A rule of one's own, for others to name.
trusted: role:trusted and rule:admin_or_writer
\`\`\`

| written | holds |
| --- | --- |
| \`@\` | always; so does an empty text or list |
| \`!\` | never |
| \`rule:NAME\` | when that rule does |
| \`role:NAME\` | for who has the role, in capitals or not |
| \`user_id:…\`, \`project_id:…\`, \`roles:…\`, \`is_admin:True\` | when the caller's is the same |
| \`'text':…\`, \`True:…\`, \`1:…\` | when the literal is the same |
| \`not\`, \`and\`, \`or\`, parentheses | in this order of precedence |
| a list of lists | when all of one of the inner lists do |

Behind the colon, \`%(project_id)s\` and \`%(user_id)s\` are those of what is acted on; where it has none, the check fails. A
start is refused, in one line with the rule and what is wrong, for a rule that nothing asks and no other names, one that
can't be read, asks for what is not known of a token, asks another server, or leads to itself.

## Rules

${table(['rule', 'default', 'permits'], rows)}
`;
}
