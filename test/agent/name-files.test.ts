/** Names on a network: each container is told of all others, and many changes are told at once. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createNameFiles } from '../../src/agent/name-files.ts';
import { createSandboxFiles, type SandboxFiles } from '../../src/drivers/network/sandbox-files.ts';

const network = { networkId: randomUUID(), subnet: '10.64.0.0/24', gateway: '10.64.0.1', mtu: 1500 };

interface Place {
  /** What an agent that begins finds here. */
  open(wrap?: (files: SandboxFiles) => SandboxFiles): ReturnType<typeof createNameFiles>;
  hostsOf(sandboxId: string): Promise<string>;
}

async function place(t: Test): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'troupe-names-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const files = createSandboxFiles({ directory: join(directory, 'files') });
  return {
    open: (wrap = (same) => same) => createNameFiles(join(directory, 'records'), wrap(files)),
    hostsOf: (sandboxId) => readFile(join(directory, 'files', sandboxId, 'hosts'), 'utf8'),
  };
}

const members = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    sandboxId: randomUUID(),
    containerId: randomUUID(),
    name: `member-${index}`,
    seen: {
      tenant: 'demo',
      hostname: `host-${index}`,
      published: [],
      ports: [
        {
          portId: randomUUID(),
          network,
          mac: '02:00:00:00:00:01',
          address: `10.64.0.${index + 2}`,
          interfaceName: 'eth0',
        },
      ],
    },
  }));

t.test('all that are named at once know each other, and few rewrites have told them', async (t) => {
  const { open, hostsOf } = await place(t);
  let told = 0;
  const names = open((files) => ({
    ...files,
    tell(spec) {
      told += 1;
      return files.tell(spec);
    },
  }));
  const all = members(40);
  await Promise.all(all.map(({ sandboxId, seen }) => names.plugged(sandboxId, seen)));
  t.equal(told, 0, 'what waits in a pool has no name');
  await Promise.all(
    all.map(({ sandboxId, containerId, name }) => names.named(sandboxId, containerId, [name])),
  );
  for (const { sandboxId } of all) {
    const hosts = await hostsOf(sandboxId);
    t.same(
      all.filter(({ name }) => !new RegExp(`\\b${name}\\b`).test(hosts)),
      [],
    );
  }
  t.ok(told <= 2 * all.length, `${told} rewrites, not one for each pair`);
});

t.test('one after the other, each is told before the next comes', async (t) => {
  const { open, hostsOf } = await place(t);
  const names = open();
  const [one, two] = members(2);
  for (const { sandboxId, containerId, name, seen } of [one!, two!]) {
    await names.plugged(sandboxId, seen);
    await names.named(sandboxId, containerId, [name]);
  }
  t.match(await hostsOf(one!.sandboxId), 'member-1');
  await names.removed(two!.sandboxId);
  t.notMatch(await hostsOf(one!.sandboxId), 'member-1');
  await t.rejects(names.named(two!.sandboxId, two!.containerId, []), { code: 'SANDBOX_GONE' });
});

t.test('what a crash kept from being told is told with the first change after it', async (t) => {
  const { open, hostsOf } = await place(t);
  const crashing = open((files) => ({ ...files, tell: () => Promise.reject(new Error('killed')) }));
  const [one, two, three] = members(3);
  for (const { sandboxId, containerId, name, seen } of [one!, two!]) {
    await crashing.plugged(sandboxId, seen);
    await t.rejects(crashing.named(sandboxId, containerId, [name]), { message: 'killed' });
  }
  t.notMatch(await hostsOf(one!.sandboxId), 'member-1');
  const names = open();
  await names.plugged(three!.sandboxId, three!.seen);
  await names.named(three!.sandboxId, three!.containerId, [three!.name]);
  for (const name of ['member-1', 'member-2']) t.match(await hostsOf(one!.sandboxId), name);
});
