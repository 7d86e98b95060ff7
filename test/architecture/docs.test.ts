/** The documents say what the code does: made pages are up to date, links lead somewhere, commands exist. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { errorsPage } from '../../docs/generate/errors.ts';
import { generatedPages } from '../../docs/generate/pages.ts';
import { errorTable } from '../../src/errors/errors.ts';
import { charts } from '../../src/machines/catalogue.ts';
import { createCliScene } from '../cli/scene.ts';
import { projectFolder } from '../support/project.ts';

const root = projectFolder();
const documents = ['README.md', ...readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)]; // prettier-ignore
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');

t.test('what is made from the code is as the code has it; else: npm run docs', async (t) => {
  const pages = await generatedPages(root);
  t.strictSame(
    [...pages.keys()],
    [
      'docs/configuration.md',
      'docs/errors.md',
      'docs/policy.md',
      'docs/charts.md',
      'docs/operations.md',
      'docs/openapi.json',
      ...Object.keys(charts).map((kind) => `docs/images/${kind}.svg`),
    ],
  );
  for (const [path, text] of pages) t.equal(textOf(path), text, `${path} is not stale`);
});

t.test('every error code is explained', async (t) => {
  const page = errorsPage();
  for (const code of Object.keys(errorTable)) t.match(page, `| \`${code}\` |`);
});

/** `# A heading, with "signs"` → `a-heading-with-signs`, as GitHub makes anchors. */
const anchorsOf = (text: string): ReadonlySet<string> =>
  new Set(
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'),
    ),
  ); // prettier-ignore

t.test('links lead somewhere', async (t) => {
  for (const document of documents) {
    for (const [, target = ''] of textOf(document).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? document : join(dirname(document), path);
      t.ok(existsSync(join(root, file)), `${document} links to ${target}`);
      if (anchor !== undefined) t.ok(anchorsOf(textOf(file)).has(anchor), `${document} links to ${target}`);
    }
  }
});

t.test('files that are named exist', async (t) => {
  const named = /`((?:src|test|docs|bin)\/[\w./-]+)`/g;
  for (const document of documents)
    for (const [, path = ''] of textOf(document).matchAll(named))
      t.ok(existsSync(join(root, path)), `${document} names ${path}`);
});

t.test('commands that are named exist, and the README names each', async (t) => {
  const cli = createCliScene();
  await cli.run('--help');
  const commands = [...cli.out.matchAll(/^ {2}([a-z][a-z-]*)(?:\|\w+)?(?: \[| <| {2,})/gm)].map(
    ([, name]) => name!,
  );
  t.ok(commands.includes('run') && commands.includes('join-token'), 'the help was read');
  for (const document of documents) {
    const text = textOf(document);
    const used = new Set([...text.matchAll(/\btroupe ([a-z][a-z-]*)/g)].map(([, name]) => name!));
    // In running text "Troupe" is written large; a small one is the command.
    for (const name of used) t.ok(commands.includes(name), `${document} uses "troupe ${name}"`);
  }
  const readme = textOf('README.md');
  for (const name of commands.filter((each) => each !== 'help'))
    t.match(readme, new RegExp(`\\b${name}\\b`), `the README names ${name}`);
});
