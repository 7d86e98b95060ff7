/** Snapshots that went bad in either store: the actor is quarantined and listed, the process is up, its siblings are fine. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { open } from 'lmdb';
import t, { type Test } from 'tap';
import { createEmbeddedStore } from '../../../src/actors/stores/embedded.ts';
import { createRedisStore } from '../../../src/actors/stores/redis.ts';
import { defaultRetention, type Store } from '../../../src/actors/stores/store.ts';
import {
  containerAddress,
  hostAddress,
  shardOf,
  tenantAddress,
  type Address,
} from '../../../src/model/address.ts';
import { turn } from '../../conformance/store.ts';
import { testSpec } from '../../support/docker.ts';
import { owner, startActors } from '../../support/embedded-world.ts';
import { startRedis } from '../../support/redis.ts';
import { createTestEnvironment } from '../../support/test-environment.ts';

interface Site {
  store(): Store;
  /** Changes the stored record of an actor. */
  tamper(address: Address, change: (bytes: Buffer) => Buffer): Promise<void>;
  /** Makes something that is no actor look like one. */
  addStranger(): Promise<void>;
}

async function embeddedSite(t: Test): Promise<Site> {
  const directory = mkdtempSync(join(tmpdir(), 'troupe-store-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const change = async (key: string, next: (bytes: Buffer | undefined) => Buffer): Promise<void> => {
    const root = open({ path: join(directory, 'world'), maxDbs: 16 });
    const actors = root.openDB<Buffer, string>({ name: 'actors', encoding: 'binary' });
    await actors.put(key, next(actors.get(key)));
    await root.flushed;
    await root.close();
  };
  return {
    store: () =>
      createEmbeddedStore({
        directory,
        environment: createTestEnvironment(),
        retention: defaultRetention,
        mapSize: 64 * 1024 * 1024,
      }),
    tamper: (address, next) => change(address, (bytes) => next(bytes!)),
    addStranger: () => change('contai~er', () => Buffer.from('{}')),
  };
}

async function redisSite(t: Test): Promise<Site> {
  const redis = await startRedis();
  const client = new Redis(redis.url);
  t.teardown(async () => {
    client.disconnect();
    await redis.stop();
  });
  return {
    store: () =>
      createRedisStore({
        environment: createTestEnvironment(),
        retention: defaultRetention,
        url: redis.url,
        nodes: [],
        username: null,
        password: null,
        ca: null,
        prefix: '',
      }),
    async tamper(address, change) {
      const key = `{${shardOf(address)}}:a:${address}`;
      await client.hset(key, 'body', change((await client.hgetBuffer(key, 'body'))!));
    },
    addStranger: async () => void (await client.sadd('{t:p1}:members', 'contai~er')),
  };
}

const caller = { userId: 'u', projectId: 'p1', requestId: 'req-1' };

for (const [name, make] of [
  ['the embedded store', embeddedSite],
  ['Redis', redisSite],
] as const) {
  t.test(`${name}: of four containers three go bad, each in its own way`, async (t) => {
    const site = await make(t);
    const first = await startActors(site.store());
    const addresses: Address[] = [];
    for (const id of ['a', 'b', 'c', 'd']) {
      const creating = first.controlPlane.createContainer({
        caller,
        spec: testSpec({ name: id, memoryMib: 64 }),
        run: true,
        idempotencyKey: null,
        nameGenerated: false,
      });
      let view: Awaited<typeof creating> | null = null;
      void creating.then((made) => (view = made));
      await first.until(() => view !== null);
      addresses.push((await creating).address);
    }
    await first.until(
      () =>
        first.controlPlane.runtime.committer.waiting() === null &&
        first.controlPlane.stats().mailboxDepth === 0,
    );
    const used = first.controlPlane.tenant('p1').used;
    t.equal(used.memoryMib, 256);
    await first.stop();

    const [flipped, cut, swapped, fine] = addresses as [Address, Address, Address, Address];
    let other: Buffer = Buffer.alloc(0);
    await site.tamper(fine, (bytes) => (other = bytes));
    await site.tamper(flipped, (bytes) => {
      const at = bytes.indexOf('"memoryMib":64') + '"memoryMib":6'.length;
      t.ok(at > 20, 'a digit that is still a digit afterwards');
      const copy = Buffer.from(bytes);
      copy[at] = copy[at]! ^ 1;
      return copy;
    });
    await site.tamper(cut, (bytes) => bytes.subarray(0, bytes.length - 40));
    await site.tamper(swapped, () => other);
    await site.addStranger();

    const { controlPlane, until, stop } = await startActors(site.store());
    t.same(
      controlPlane
        .quarantined()
        .map(({ address }) => address)
        .sort(),
      ['contai~er', cut, flipped, swapped].sort(),
    );
    const audit = await controlPlane.audit();
    t.same(
      audit.map(({ problem, address }) => `${problem} ${address}`).sort(),
      ['contai~er', cut, flipped, swapped].map((address) => `quarantined ${address}`).sort(),
      'and nothing else is wrong: what can’t be counted is not corrected',
    );
    t.same(controlPlane.tenant('p1').used, used, 'their quota stays taken');
    t.match(controlPlane.readiness(), { ready: true });
    t.match(controlPlane.container('p1', fine.split('/')[2]!), { spec: { name: 'd' } });
    t.throws(() => controlPlane.container('p1', flipped.split('/')[2]!), { code: 'QUARANTINED' });
    let answer: unknown;
    void controlPlane
      .command(fine, { type: 'container.delete', mode: 'force', graceMs: 0 }, caller)
      .then((given) => (answer = given));
    await until(() => answer !== undefined && controlPlane.runtime.cell(fine) === undefined);
    t.match(answer, { answer: 'accepted' }, 'a sibling is deleted as ever');
    await until(() => controlPlane.tenant('p1').used.memoryMib === 192);
    await stop();
  });

  t.test(`${name}: a tenant or host that goes bad`, async (t) => {
    const site = await make(t);
    const first = await startActors(site.store());
    const host = hostAddress('h1');
    const begun = [
      first.controlPlane.runtime.begin(
        tenantAddress('p1'),
        {
          id: 'p1',
          limits: { containers: -1, cpuMillis: -1, memoryMib: -1, diskGib: -1 },
          reservationMs: 1_000,
        },
        { kind: 'runtime', reason: 'test' },
        null,
      ),
      first.controlPlane.runtime.begin(
        host,
        { id: 'h1', hostname: 'one', availabilityZone: 'nova', suspectMs: 0, lostMs: 1_000, syncMs: 1_000 },
        { kind: 'runtime', reason: 'test' },
        null,
      ),
    ];
    await first.until(() => first.controlPlane.runtime.cell(host)?.committed != null);
    await Promise.all(begun);
    await first.stop();
    for (const address of [tenantAddress('p1'), host])
      await site.tamper(address, () => Buffer.from('nonsense'));
    const { controlPlane, stop } = await startActors(site.store());
    t.same(
      controlPlane
        .quarantined()
        .map(({ address }) => address)
        .sort(),
      [host, tenantAddress('p1')].sort(),
    );
    const create = (projectId: string) =>
      controlPlane.createContainer({
        caller: { ...caller, projectId },
        spec: testSpec(),
        run: false,
        idempotencyKey: null,
        nameGenerated: true,
      });
    await t.rejects(
      create('p1'),
      { code: 'QUARANTINED', message: /tenant\/p1/ },
      'nothing new without a quota',
    );
    await stop();
  });
}

t.test('an actor that can’t be read refuses what is written to it, by its store too', async (t) => {
  const site = await embeddedSite(t);
  const store = site.store();
  const { epoch } = await store.open(owner, 0);
  const one = containerAddress('p1', 'one');
  await store.commit([turn(one, 1, epoch)], []);
  await site.tamper(one, () => Buffer.from('nonsense'));
  t.match(await store.commit([turn(one, 1, epoch), turn(one, 2, epoch)], []), [
    { kind: 'refused', cause: 'conflict' },
    { kind: 'refused', cause: 'conflict' },
  ]);
  await store.close();
});
