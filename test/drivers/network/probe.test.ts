/** What a host lacks is told in words, each with what to do about it. */
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { createHost, type Host } from '../../../src/drivers/host.ts';
import { createBridgeNetworkDriver } from '../../../src/drivers/network/bridge-network.ts';
import { parseListener } from '../../../src/drivers/network/listeners.ts';
import { program } from '../../support/run-program.ts';
import { needRoot } from '../../support/need-root.ts';
import { ownHost } from '../../support/network-host.ts';

needRoot();

const signal = AbortSignal.timeout(120_000);

/** This machine with these programs and no others. */
async function hostWith(t: Test, ...programs: readonly string[]): Promise<Host> {
  const folder = await mkdtemp(join(tmpdir(), 'troupe-programs-'));
  t.teardown(() => rm(folder, { recursive: true }));
  for (const name of programs) {
    const { output } = await createHost().run('which', [name], { signal });
    await symlink(output.trim(), join(folder, name));
  }
  return createHost({ searchPath: folder });
}

t.test('this machine can', async (t) => {
  t.match(await createBridgeNetworkDriver().probe(signal), { able: true });
});

t.test('a program that is missing is told with its package', async (t) => {
  t.strictSame(await createBridgeNetworkDriver({ host: await hostWith(t) }).probe(signal), {
    able: false,
    problems: [
      'This host has no program "ip"; install the package "iproute2"',
      'This host has no program "ss"; install the package "iproute2"',
      'This host has no program "nft"; install the package "nftables"',
      'This host has no program "nsenter"; install the package "util-linux"',
    ],
    subnetsInUse: [],
  });
  const almost = createBridgeNetworkDriver({ host: await hostWith(t, 'ip', 'ss', 'nft', 'nsenter') });
  const { able, problems } = await almost.probe(signal);
  t.equal(able, true, 'these are enough, where there is no Docker');
  t.match(
    problems.at(-1),
    /^This host has no program "conntrack"; install the package "conntrack"; until then UDP/,
  );
});

t.test('a kernel that does not take the rules is told with what it said', async (t) => {
  const host = createHost();
  const poor: Host = {
    ...host,
    run: (name, args, options) =>
      name === 'nft' && options.input?.includes('bridge')
        ? host.run(name, args, { ...options, input: 'add table nosuchfamily x\n' })
        : host.run(name, args, options),
  };
  const { able, problems } = await createBridgeNetworkDriver({ host: poor }).probe(signal);
  t.equal(able, false);
  t.match(problems, [/^This kernel doesn't take the rules that keep networks apart .*: .+/]);
});

t.test("no way outside, and a stranger's firewall", async (t) => {
  const on = await ownHost({ bridgeNetfilter: false, engineFirewall: false, forwarding: true });
  t.teardown(() => on.stop());
  const probe = () => createBridgeNetworkDriver({ host: on.host }).probe(signal);
  t.match(await probe(), { able: true, problems: [] });
  await on.run('iptables', '--wait', '5', '--policy', 'FORWARD', 'DROP');
  t.match((await probe()).problems, [/drops what is forwarded .* links tr-\+$/]);
  await on.run('ip', 'route', 'delete', 'default');
  t.match(await probe(), { able: true, problems: [/^No link of this host leads to a router/, /drops/] });
});

t.test('an agent without the right to change networks says so', async (t) => {
  const file = fileURLToPath(new URL('./probe-process.js', import.meta.url));
  const drop = '-net_admin,-sys_admin';
  const output = await program(
    'setpriv',
    `--bounding-set=${drop}`,
    `--inh-caps=${drop}`,
    process.execPath,
    file,
  );
  t.match(JSON.parse(output), {
    probe: {
      able: false,
      problems: [
        'The agent may not change networks: it lacks CAP_NET_ADMIN and CAP_SYS_ADMIN; run it as root',
      ],
    },
    failure: { code: 'HOST_INCAPABLE', retryable: false, message: /run it as root, or with CAP_NET_ADMIN/ },
  });
});

t.test('listening sockets as ss writes them', async (t) => {
  const line = (rest: string) => parseListener(rest);
  t.strictSame(
    line('tcp   LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:(("nginx",pid=12,fd=6),("nginx",pid=13,fd=6))'),
    {
      protocol: 'tcp',
      address: null,
      number: 80,
      owner: '"nginx" (process 12)',
    },
  );
  t.match(line('udp   UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*'), {
    protocol: 'udp',
    address: '127.0.0.53',
    owner: 'another program',
  });
  t.match(line('tcp LISTEN 0 128 [::]:22 [::]:*'), { address: null, number: 22 });
  t.match(line('tcp LISTEN 0 128 *:22 *:*'), { address: null, number: 22 });
  t.equal(line('tcp LISTEN 0 128 [::1]:631 [::]:*'), null, 'IPv6 alone does not stand in the way');
  t.equal(line('sctp LISTEN 0 128 0.0.0.0:9 0.0.0.0:*'), null);
  t.equal(line(''), null);
});
