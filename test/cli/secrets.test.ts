/** Keys and tokens on disk: for their owner alone, whole or not at all. */
import { existsSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { writePrivateFile } from '../../src/main/private-file.ts';
import { createSealer, loadSiteKeys } from '../../src/main/site-key.ts';
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
  const keys = loadSiteKeys(path);
  t.equal(mode(path), 0o600);
  t.same(loadSiteKeys(path), keys);
  const sealed = createSealer(keys).seal('PASSWORD=hunter2');
  t.notMatch(sealed, 'hunter2');
  t.equal(createSealer(loadSiteKeys(path)).open(sealed), 'PASSWORD=hunter2');
  t.throws(() => createSealer([Buffer.alloc(32)]).open(sealed), 'with another key it stays closed');
  writeFileSync(path, 'dGVzdA==');
  t.throws(() => loadSiteKeys(path), { code: 'INVALID_CONFIG', message: /does not hold a site key/ });
  t.equal(readFileSync(path, 'utf8'), 'dGVzdA==');
});

t.test('a new key seals from now on, and those before it go on opening', async (t) => {
  const path = join(t.testdir(), 'site.key');
  const [first, second] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const write = (...keys: readonly Buffer[]): void =>
    writeFileSync(path, keys.map((key) => `${key.toString('base64')}\n`).join(''));
  write(first);
  const old = createSealer(loadSiteKeys(path)).seal('hunter2');
  // As releases before keys had ids sealed it.
  const oldest = old.slice(old.indexOf('.') + 1);
  write(second, first);
  const rotated = createSealer(loadSiteKeys(path));
  t.equal(rotated.open(old), 'hunter2');
  t.equal(rotated.open(oldest), 'hunter2');
  const fresh = rotated.seal('hunter3');
  write(second);
  const later = createSealer(loadSiteKeys(path));
  t.equal(later.open(fresh), 'hunter3');
  t.throws(() => later.open(old), /sealed with the key "[0-9a-f]{8}", which is not in the site's key file/);
  t.throws(() => later.open(oldest));
});

t.test('a key file that is named and is not there is said, and none is made', async (t) => {
  const path = join(t.testdir(), 'elsewhere.key');
  t.throws(() => loadSiteKeys(path, false), { code: 'INVALID_CONFIG', message: /state\.keyFile/ });
  t.notOk(existsSync(path));
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
