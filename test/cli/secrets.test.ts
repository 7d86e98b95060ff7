/** Keys and tokens on disk: for their owner alone, whole or not at all. */
import { existsSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { writePrivateFile } from '../../src/main/private-file.ts';
import { createSealer, loadSiteKey } from '../../src/main/site-key.ts';
import { ensureAdminToken, fileAuthenticator } from '../../src/main/tokens.ts';

const mode = (path: string): number => statSync(path).mode & 0o777;

t.test('a private file is 0600 in a folder that is 0700, whatever was there before', async (t) => {
  const path = join(t.testdir(), 'state', 'secret');
  writePrivateFile(path, 'one');
  t.equal(mode(join(path, '..')), 0o700);
  t.equal(mode(path), 0o600);
  writeFileSync(`${path}.next`, 'left by a crash', { mode: 0o644 });
  writePrivateFile(path, 'two');
  t.equal(readFileSync(path, 'utf8'), 'two');
  t.equal(mode(path), 0o600);
  t.notOk(existsSync(`${path}.next`));
});

t.test('the site key is made once, and a broken one is never replaced', async (t) => {
  const path = join(t.testdir(), 'state', 'site.key');
  const key = loadSiteKey(path);
  t.equal(mode(path), 0o600);
  t.same(loadSiteKey(path), key);
  const sealed = createSealer(key).seal('PASSWORD=hunter2');
  t.notMatch(sealed, 'hunter2');
  t.equal(createSealer(loadSiteKey(path)).open(sealed), 'PASSWORD=hunter2');
  t.throws(() => createSealer(Buffer.alloc(32)).open(sealed), 'with another key it stays closed');
  writeFileSync(path, 'dGVzdA==');
  t.throws(() => loadSiteKey(path), { code: 'INVALID_CONFIG', message: /does not hold a site key/ });
  t.equal(readFileSync(path, 'utf8'), 'dGVzdA==');
});

t.test('the admin’s token is made at the first start, and again only when its file is gone', async (t) => {
  const folder = join(t.testdir(), 'state');
  const [tokens, admin] = [join(folder, 'tokens.json'), join(folder, 'admin.token')];
  ensureAdminToken(tokens, admin);
  const token = readFileSync(admin, 'utf8').trim();
  t.equal(mode(tokens), 0o600);
  t.equal(mode(admin), 0o600);
  t.notMatch(readFileSync(tokens, 'utf8'), token, 'only its hash is kept');
  ensureAdminToken(tokens, admin);
  t.equal(readFileSync(admin, 'utf8').trim(), token);

  const authenticator = fileAuthenticator(tokens);
  t.match(await authenticator.authenticate({ token }), { projectId: 'admin', roles: ['admin'] });
  t.equal(await authenticator.authenticate({ token: 'other' }), null);

  const listed = JSON.parse(readFileSync(tokens, 'utf8')) as { tokens: object[] };
  const user = {
    ...listed.tokens[0],
    sha256: 'a'.repeat(64),
    userId: 'ann',
    projectId: 'p1',
    roles: ['member'],
  };
  writeFileSync(tokens, JSON.stringify({ tokens: [...listed.tokens, user] }));
  rmSync(admin);
  ensureAdminToken(tokens, admin);
  t.not(readFileSync(admin, 'utf8').trim(), token, 'rotated');
  t.equal(
    (JSON.parse(readFileSync(tokens, 'utf8')) as { tokens: object[] }).tokens.length,
    2,
    'others are kept',
  );
});

t.test(
  'tokens are read anew when their file changes, and those before count while it is broken',
  async (t) => {
    const folder = t.testdir();
    const [tokens, admin] = [join(folder, 'tokens.json'), join(folder, 'admin.token')];
    ensureAdminToken(tokens, admin);
    const token = readFileSync(admin, 'utf8').trim();
    const authenticator = fileAuthenticator(tokens);
    t.ok(await authenticator.authenticate({ token }));
    let at = 1_000;
    const change = (text: string): void => {
      writeFileSync(tokens, text);
      utimesSync(tokens, at, (at += 1));
    };
    change('{"tokens": [{"sha');
    t.ok(await authenticator.authenticate({ token }));
    change('{"tokens": []}');
    t.equal(await authenticator.authenticate({ token }), null);
  },
);

t.test('a broken file of tokens is one line at start', async (t) => {
  const broken: Readonly<Record<string, RegExp>> = {
    '{': /can't be read: /,
    '[]': /can't be read: "" must be object/,
    '{"tokens": [{"sha256": "x"}]}': /can't be read: /,
  };
  for (const [text, words] of Object.entries(broken)) {
    const folder = t.testdir({ 'tokens.json': text });
    const start = () => ensureAdminToken(join(folder, 'tokens.json'), join(folder, 'admin.token'));
    t.throws(start, { code: 'INVALID_CONFIG', message: words });
    t.notOk(existsSync(join(folder, 'admin.token')));
  }
});
