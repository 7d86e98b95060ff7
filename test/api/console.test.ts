/** The console's files as they are served: to everybody, under a strict policy, compressed, and nothing else. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { projectFolder } from '../support/project.ts';
import { createApiSite } from './site.ts';

const built = join(projectFolder(), 'dist', 'console');
const site = await createApiSite(t, { hosts: 0 });
const get = (path: string, headers: Record<string, string> = {}) =>
  site.call('GET', path, { as: null, version: null, headers });

t.test('the page needs no token, and may run nothing but its own scripts', async (t) => {
  for (const path of ['/console', '/console/']) {
    const { status, headers, text } = await get(path);
    t.equal(status, 200);
    t.match(headers, {
      'content-type': /text\/html/,
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
    });
    const policy = new Map(
      headers['content-security-policy']!.split('; ').map((rule) => [
        rule.split(' ')[0]!,
        rule.split(' ').slice(1).join(' '),
      ]),
    );
    t.equal(policy.get('default-src'), "'none'");
    t.equal(policy.get('frame-ancestors'), "'none'");
    for (const source of ['script-src', 'style-src', 'connect-src', 'worker-src'])
      t.equal(policy.get(source), "'self'");
    t.notMatch(
      text,
      /<script(?![^>]*\bsrc=)|<style|\son\w+=|https?:\/\//,
      'nothing inline, nothing of elsewhere',
    );
  }
});

t.test('assets are kept for ever by name, and sent compressed', async (t) => {
  const script = readdirSync(join(built, 'assets')).find((name) => /^index-.*\.js$/.test(name))!;
  const plain = await get(`/console/assets/${script}`);
  t.equal(plain.text, readFileSync(join(built, 'assets', script), 'utf8'));
  t.match(plain.headers, {
    'cache-control': /immutable/,
    'content-type': /javascript/,
    vary: /accept-encoding/i,
  });
  t.match(plain.headers, { 'content-security-policy': /default-src 'none'/ }, 'workers are bound by it, too');
  for (const encoding of ['br', 'gzip'])
    t.equal(
      (await get(`/console/assets/${script}`, { 'accept-encoding': encoding })).headers['content-encoding'],
      encoding,
    );
});

t.test(
  'the first view is small: what lays out charts and draws terminals is loaded when one is shown',
  async (t) => {
    const { text } = await get('/console');
    const first = [...text.matchAll(/(?:src|href)="\/console\/(assets\/[^"]+)"/g)].map(([, path]) => path!);
    t.ok(first.length >= 2, 'script and style');
    t.notOk(first.some((path) => path.includes('elk')));
    t.notOk(
      first.some((path) => readFileSync(join(built, path), 'utf8').includes('xterm-helper')),
      'nor what draws terminals',
    );
    const bytes = first.reduce((sum, path) => sum + readFileSync(join(built, `${path}.gz`)).length, 0);
    t.ok(bytes < 300_000, `${bytes} bytes`);
  },
);

t.test('nothing beside the assets is served', async (t) => {
  for (const path of [
    '/console/assets/nothing.js',
    '/console/index.html',
    '/console/.made',
    '/console/assets',
  ])
    t.equal((await get(path)).status >= 400, true, path);
  t.ok(existsSync(join(projectFolder(), 'package.json')));
  for (const path of ['/console/assets/..%2f..%2f..%2fpackage.json', '/console/assets/%2e%2e%2findex.html'])
    t.equal((await get(path)).status >= 400, true, path);
  t.equal((await get('/v1/identity')).status, 401, 'the API is closed all the same');
});
