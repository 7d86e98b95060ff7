/** The import rule and the reach for the world, over the real sources and over sources that are bad on purpose. */
import { join } from 'node:path';
import t from 'tap';
import { projectFolder } from '../support/project.ts';
import { breaches } from './rules.ts';
import { analyse, readSources } from './sources.ts';

const found = (files: Readonly<Record<string, string>>): readonly string[] =>
  breaches(analyse(new Map(Object.entries(files))));

t.test('the sources keep the rule', async (t) => {
  const files = readSources(join(projectFolder(), 'src'));
  const sources = analyse(files);
  t.ok(files.size > 100, 'they were read');
  t.ok(
    sources.imports.some(({ from, to }) => from === 'actors/cell.ts' && to === 'actors/decide.ts'),
    'their imports were seen',
  );
  t.ok(
    sources.globals.some(({ from, use }) => from === 'main/environment.ts' && use === 'Date.now'),
    'their globals were seen',
  );
  t.strictSame(breaches(sources), []);
});

t.test('an import across the rule is told, however it is written', async (t) => {
  const wrong = (from: string, text: string): string => found({ [from]: text }).join('\n');
  t.match(
    wrong('machines/a.ts', `import { x } from '../actors/cell.ts';`),
    /^machines\/a\.ts:1 imports actors\/cell\.ts; machines may import only model, errors of ours$/,
  );
  t.match(
    wrong('machines/a.ts', `\nimport type { X } from '../actors/cell.ts';`),
    /machines\/a\.ts:2 imports/,
  );
  t.match(wrong('api/a.ts', `export { x } from '../actors/cell.ts';`), /api may import only/);
  t.match(wrong('api/a.ts', `export * from '../drivers/x.ts';`), /api may import only/);
  t.match(wrong('api/zun/a.ts', `type X = import('../../machines/x.ts').X;`), /api may import only/);
  t.match(wrong('drivers/a.ts', `const x = await import('../openstack/x.ts');`), /drivers may import only/);
  t.match(wrong('openstack/a.ts', `import x = require('../drivers/x.ts');`), /openstack may import only/);
  t.match(wrong('cli/a.ts', `import { x } from "../actors/index.ts";`), /cli may import only/);
  t.match(wrong('model/a.ts', `import '../errors/errors.ts';`), /model may import only nothing of ours/);
  t.match(
    wrong('agent/a.ts', 'await import(`../drivers/${name}.ts`);'),
    /imports what is only known when it runs/,
  );
  t.match(wrong('machines/a.ts', `import { readFileSync } from 'node:fs';`), /"node:fs"; machines is pure/);
  t.match(wrong('misc/a.ts', `import 'ws';`), /no rule/);
});

t.test('a cycle is told, types or not', async (t) => {
  t.strictSame(
    found({
      'actors/a.ts': `import type { B } from './b.ts'; export type A = B;`,
      'actors/b.ts': `import { c } from './c.ts'; export type B = typeof c;`,
      'actors/c.ts': `import type { A } from './a.ts'; export const c = 1 as unknown as A;`,
    }),
    ['actors/a.ts → actors/b.ts → actors/c.ts → actors/a.ts is a cycle of imports'],
  );
});

t.test('the world is reached for in main/ only, however it is written', async (t) => {
  const uses: Readonly<Record<string, string>> = {
    'Date.now()': 'Date.now',
    'new Date()': 'new Date()',
    'new Date': 'new Date()',
    "Date['now']()": 'Date.now',
    'const { now } = Date;': 'Date',
    'Date()': 'Date',
    'Math.random()': 'Math.random',
    'const m = Math;': 'Math',
    'setTimeout(() => {}, 1)': 'setTimeout',
    'const later = { setTimeout };': 'setTimeout',
    'use(setInterval)': 'setInterval',
    'globalThis.setImmediate(run)': 'globalThis.setImmediate',
    'performance.now()': 'performance.now',
    'crypto.randomUUID()': 'crypto.randomUUID',
    'process.env.HOME': 'process.env',
    "process['env']": 'process.env',
    'const { env } = process;': 'process',
    'AbortSignal.timeout(5)': 'AbortSignal.timeout',
  };
  for (const [text, use] of Object.entries(uses)) {
    t.strictSame(
      found({ 'link/a.ts': `export {};\n${text}` }),
      [`link/a.ts:2 reaches for ${use}; take it as an argument from main/`],
      text,
    );
    t.strictSame(found({ 'main/a.ts': `export {};\n${text}` }), [], `${text} in main/`);
  }
  const imports = [
    `import { randomUUID } from 'node:crypto';`,
    `import { createHash, randomBytes as bytes } from 'crypto';`,
    `import * as crypto from 'node:crypto';`,
    `import crypto from 'node:crypto';`,
    `import { setTimeout } from 'node:timers/promises';`,
    `import { performance } from 'node:perf_hooks';`,
    `import { env } from 'node:process';`,
  ];
  for (const text of imports) t.equal(found({ 'link/a.ts': text }).length, 1, text);
});

t.test('what only looks like the world is left alone', async (t) => {
  t.strictSame(
    found({
      'link/a.ts': `
        import { createHash } from 'node:crypto';
        import type { Environment } from '../model/environment.ts';
        interface Port { setTimeout(run: () => void): void; now: Date }
        type Timer = ReturnType<typeof setTimeout>;
        export function use({ setTimeout }: Port, performance: { now(): number }, at: number) {
          // Date.now() in a comment, and "Math.random()" in a text
          setTimeout(() => performance.now());
          const random = 'Math.random()';
          const env = { process: 1, crypto: random }.process;
          return [new Date(at).toISOString(), Date.parse('x'), Math.max(env, 1), at instanceof Date, process.pid];
        }
        export const port = (environment: Environment): Timer => environment.setTimeout(createHash);
      `,
    }),
    [],
  );
});

t.test(
  'the console reaches for the browser’s world in one file, and knows nothing of the server’s code',
  async (t) => {
    const timer = 'export const later = () => setTimeout(() => Date.now(), 1);';
    t.strictSame(found({ 'console/browser.ts': timer }), []);
    t.equal(found({ 'console/views/a.tsx': timer }).length, 2, 'files with JSX are read, too');
    t.match(
      found({ 'console/views/a.tsx': `import type { X } from '../../actors/index.ts';` }).join(),
      /console may import only chart, model of ours/,
    );
    t.strictSame(
      found({ 'console/views/a.tsx': `import { B } from './b.tsx';`, 'console/views/b.tsx': '' }),
      [],
    );
  },
);
