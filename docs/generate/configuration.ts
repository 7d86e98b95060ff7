/** `docs/configuration.md` from the schema. */
import { ruleOf, sections, variable } from '../../src/config/setting.ts';
import { code, table } from './markdown.ts';

export function configurationPage(): string {
  const parts = Object.entries(sections).map(([section, { description, properties }]) => {
    const rows = Object.entries(properties).map(([key, schema]) => [
      code(`${section}.${key}`),
      code(variable(`${section}.${key}`)),
      ruleOf(schema),
      code(shown(schema.default)),
      `${schema.description}${schema.secret === 'all' ? ' (never shown)' : ''}`,
    ]);
    return `## ${section}\n\n${description}.\n\n${table(['setting', 'variable', 'must be', 'default', 'meaning'], rows)}`;
  });
  return `# Configuration

Every setting, made from \`src/config/schema.ts\` by \`npm run docs\`.

A setting is taken from the first of these that has it:

1. \`--set section.key=value\`, before or behind the command
2. its variable, such as \`TROUPE_API__PORT\`
3. the file: of \`--config FILE\` or \`TROUPE_CONFIG_FILE\`, else \`~/.config/troupe/config.yaml\`, else \`/etc/troupe/config.yaml\`
4. the default; where root is not who runs it, \`state.directory\` is \`~/.local/state/troupe\`

\`troupe config\` shows what is in force and where each value comes from. What is wrong stops every command with one line that
names the setting, its source and the rule, and exit code 2.

\`\`\`yaml
state:
  directory: /var/lib/troupe
store:
  kind: redis
  redisUrl: redis://127.0.0.1:6395
  redisPasswordFile: /var/lib/troupe/redis/password
\`\`\`

In a variable or after \`--set\`, lists are separated by commas, and labels are written \`name=value,name=value\`.

${parts.join('\n\n')}
`;
}

const shown = (value: unknown): string =>
  typeof value === 'object' ? JSON.stringify(value) : value === '' ? '""' : String(value);
