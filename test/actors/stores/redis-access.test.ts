/** Who may talk to Redis, and whom Redis is believed: passwords, ACL users, certificates. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { createRedisStore, type RedisStoreOptions } from '../../../src/actors/stores/redis.ts';
import { defaultRetention, type Store } from '../../../src/actors/stores/store.ts';
import { one, turn } from '../../conformance/store.ts';
import { freeClusterPort, freePort, startRedis } from '../../support/redis.ts';
import { createTestEnvironment } from '../../support/test-environment.ts';

const owner = { hostname: 'test', pid: process.pid, startedAt: 0 };

function storeAt(t: Test, changes: Partial<RedisStoreOptions>): Store {
  const store = createRedisStore({
    environment: createTestEnvironment(),
    retention: defaultRetention,
    url: '',
    nodes: [],
    username: null,
    password: null,
    ca: null,
    prefix: 'site:',
    ...changes,
  });
  t.teardown(() => store.close());
  return store;
}

async function works(t: Test, store: Store): Promise<void> {
  const { epoch } = await store.open(owner, 0);
  t.match((await store.commit([turn(one, 1, epoch)], []))[0], { kind: 'committed' });
  t.match(await store.read(one), { record: { revision: 1 } });
  t.match(await store.trim(0, 'drop'), { actors: 0 });
}

/** An authority, and a server's certificate that it signed for 127.0.0.1. */
function certificates(t: Test): { readonly directory: string; readonly ca: string; readonly tls: string[] } {
  const directory = mkdtempSync(join(tmpdir(), 'troupe-tls-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const at = (name: string): string => join(directory, name);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'ignore' });
  const key = ['-newkey', 'rsa:2048', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
    '-days',
    '1',
    '-subj',
    '/CN=test authority',
  );
  openssl(
    'req',
    ...key,
    '-keyout',
    at('server.key'),
    '-out',
    at('server.csr'),
    '-subj',
    '/CN=redis',
    '-addext',
    'subjectAltName=IP:127.0.0.1',
  );
  openssl(
    'x509', '-req', '-in', at('server.csr'), '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '1',
    '-copy_extensions', 'copy', '-out', at('server.pem'),
  ); // prettier-ignore
  return {
    directory,
    ca: readFileSync(at('ca.pem'), 'utf8'),
    tls: [
      '--tls-cert-file',
      at('server.pem'),
      '--tls-key-file',
      at('server.key'),
      '--tls-ca-cert-file',
      at('ca.pem'),
      '--tls-auth-clients',
      'no',
    ],
  };
}

t.test('a password is asked for and given', async (t) => {
  const { url, stop } = await startRedis([], { password: 'secret' });
  t.teardown(stop);
  await works(t, storeAt(t, { url, password: 'secret' }));
  await t.rejects(storeAt(t, { url, password: 'wrong' }).open(owner, 0), {
    code: 'STORE_UNAVAILABLE',
    message: /password/i,
  });
  await t.rejects(storeAt(t, { url }).open(owner, 0), { code: 'STORE_UNAVAILABLE', message: /NOAUTH|auth/i });
});

t.test('an ACL user needs its own keys and no administration', async (t) => {
  const { url, port, stop } = await startRedis();
  t.teardown(stop);
  const admin = new Redis(port);
  const rights = [
    'resetkeys',
    '~site:*',
    '-@all',
    '+@read',
    '+@write',
    '+@scripting',
    '+@transaction',
    '+@connection',
    '+info',
  ];
  await admin.call('ACL', 'SETUSER', 'troupe', 'on', '>pw', ...rights);
  await admin.call(
    'ACL',
    'SETUSER',
    'reader',
    'on',
    '>pw',
    'resetkeys',
    '~site:*',
    '-@all',
    '+@read',
    '+@connection',
  );
  admin.disconnect();
  const store = storeAt(t, { url, username: 'troupe', password: 'pw' });
  await works(t, store);
  t.match(await store.durability(), { durable: false, explanation: /does not let us read its CONFIG/ });
  await t.rejects(storeAt(t, { url, username: 'troupe', password: 'pw', prefix: 'other:' }).open(owner, 0), {
    code: 'STORE_UNAVAILABLE',
    message: /permission/,
  });
  await t.rejects(storeAt(t, { url, username: 'reader', password: 'pw' }).open(owner, 0), {
    code: 'STORE_UNAVAILABLE',
    message: /permission/,
  });
});

t.test('TLS: the right authority is believed, another is not', async (t) => {
  const { ca, tls } = certificates(t);
  const other = certificates(t);
  const tlsPort = await freePort();
  const { stop } = await startRedis(['--tls-port', String(tlsPort), ...tls], { password: 'secret' });
  t.teardown(stop);
  const url = `rediss://127.0.0.1:${tlsPort}`;
  await works(t, storeAt(t, { url, ca, password: 'secret' }));
  for (const [what, changes] of [
    ['another authority', { ca: other.ca }],
    ['no authority of our own', { ca: null }],
  ] as const) {
    const store = storeAt(t, { url, password: 'secret', ...changes });
    await t.rejects(store.open(owner, 0), { code: 'STORE_UNAVAILABLE' }, what);
  }
});

t.test('TLS and a password to the nodes of a Cluster', async (t) => {
  const { ca, tls } = certificates(t);
  const [tlsPort, port] = [await freeClusterPort(), await freeClusterPort()];
  const { stop } = await startRedis(
    [
      '--cluster-enabled',
      'yes',
      '--cluster-announce-ip',
      '127.0.0.1',
      '--tls-port',
      String(tlsPort),
      '--tls-cluster',
      'yes',
      ...tls,
    ],
    { password: 'secret', port },
  );
  t.teardown(stop);
  const admin = new Redis({ port, password: 'secret' });
  await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  while (!String(await admin.cluster('INFO')).includes('cluster_state:ok'))
    await new Promise((resolve) => setTimeout(resolve, 50));
  admin.disconnect();
  await works(t, storeAt(t, { nodes: [`127.0.0.1:${tlsPort}`], ca, password: 'secret' }));
});

t.test('what is no Redis, and what is no Cluster, is told and not waited for', async (t) => {
  const { port, stop } = await startRedis();
  t.teardown(stop);
  const nobody = await freePort();
  for (const [what, changes] of [
    ['nobody', { url: `redis://127.0.0.1:${nobody}` }],
    ['nobody in a Cluster', { nodes: [`127.0.0.1:${nobody}`] }],
    ['a Redis that is in no Cluster', { nodes: [`127.0.0.1:${port}`] }],
  ] as const) {
    const environment = createTestEnvironment();
    const opening = t.rejects(
      storeAt(t, { ...changes, environment }).open(owner, 0),
      { code: 'STORE_UNAVAILABLE' },
      what,
    );
    let isOver = false;
    void opening.finally(() => (isOver = true));
    while (!isOver) {
      await environment.advance(1_000);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await opening;
  }
});
