/** A second host over TLS, joined step by step as docs/operations.md has it; and what is refused. */
import { networkInterfaces } from 'node:os';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { testCertificate } from '../../support/test-certificate.ts';
import { createCommandSite, removeContainers, testImage, type CommandSite } from './command-site.ts';

t.setTimeout(300_000);

/** An address of this machine that isn't its loopback: the engine's bridge, at the least. */
function ownAddress(): string {
  const found = Object.values(networkInterfaces())
    .flat()
    .find((each) => each?.family === 'IPv4' && !each.internal);
  if (!found) throw new Error('This machine has no address but its loopback');
  return found.address;
}

/** A control plane alone, and what is needed to trust it. */
async function controlPlane(
  t: Test,
  settings: readonly string[] = [],
): Promise<{ site: CommandSite; ca: string }> {
  const site = await createCommandSite(t);
  const ca = join(site.directory, 'cert.pem');
  writeFileSync(ca, testCertificate.cert);
  writeFileSync(join(site.directory, 'key.pem'), testCertificate.key);
  const flags = settings.flatMap((setting) => ['--set', setting.replace('DIRECTORY', site.directory)]);
  const up = await site.run('up', '-d', '--control-plane-only', ...flags);
  t.equal(up.code, 0, up.err);
  return { site, ca };
}

const tls = ['api.certFile=DIRECTORY/cert.pem', 'api.keyFile=DIRECTORY/key.pem'];

t.test('a host joins over TLS, runs containers, goes and comes back', async (t) => {
  const { site, ca } = await controlPlane(t, tls);
  const withTls = ['--set', `api.certFile=${ca}`, '--set', `api.keyFile=${join(site.directory, 'key.pem')}`];
  const url = `https://127.0.0.1:${site.port}`;

  t.match(
    await site.run('list', ...withTls),
    { code: 0 },
    'the command line trusts the very certificate of the configuration',
  );
  const environment = await site.json<Record<string, string>>('env', ...withTls);
  t.match(environment, { OS_ENDPOINT: `${url}/v1`, OS_CACERT: ca, TROUPE_CA_FILE: ca });
  t.match(
    await site.runWith(environment, 'list', '-o', 'json'),
    { code: 0, out: '[]\n' },
    'as does one elsewhere that was told',
  );
  const { TROUPE_CA_FILE: _, ...untold } = environment;
  t.match(await site.runWith(untold, 'list'), { code: 7, err: /self-signed certificate/ });
  t.match(await site.runWith(untold, 'watch'), { code: 7, err: /self-signed certificate/ });

  const token = (await site.runWith(environment, 'join-token')).out.trim();
  t.match(token, /^troupe-join-/);
  const host = await createCommandSite(t, {
    agent: { controlUrl: `wss://127.0.0.1:${site.port}`, caFile: ca },
  });
  const joined = await host.run('agent', '--detach', '--join', token);
  t.match(joined, { code: 0, err: /The agent is up \(process \d+\); see "troupe hosts"/ });
  const watch = site.start('watch', '--kind', 'host', '-a', '--url', url, ...withTls);
  await watch.written(/host \S+ (is )?online/);

  const run = await site.run('run', '--rm', '--name', 'there', ...withTls, testImage, 'echo', 'over TLS');
  t.match(run, { code: 0, out: 'over TLS\n' });

  t.match(await host.run('agent', '--detach'), { code: 0, err: /up already/ });
  t.match(await host.run('down'), { code: 0, err: /"troupe agent" \(process \d+\) has stopped/ });
  await watch.written(/suspect: link\.closed/);
  t.match((await site.run('hosts', ...withTls)).out, / suspect +open /);
  t.match(await host.run('agent', '--detach'), { code: 0 }, 'it needs no token again');
  await watch.written(/suspect: link\.closed(.*\n)+.* online: link\.synced/);

  const second = await createCommandSite(t, {
    agent: { controlUrl: `wss://127.0.0.1:${site.port}`, caFile: ca },
  });
  t.match(
    await second.run('agent', '--join', token),
    {
      code: 4,
      err: /troupe: The join token is unknown, used or expired; make a new one with "troupe join-token"\n$/,
    },
    'a token is for one host',
  );
  t.match(await second.run('agent'), { code: 4, err: /troupe: .*join/ }, 'and none is no way in');
  watch.child.kill('SIGINT');
  await removeContainers(site).catch(() => {});
});

t.test('in clear only from this machine, unless both sides are told so', async (t) => {
  const address = ownAddress();
  const { site } = await controlPlane(t, ['api.host=0.0.0.0']);
  const token = (await site.run('join-token')).out.trim();
  const host = await createCommandSite(t, { agent: { controlUrl: `ws://${address}:${site.port}` } });

  const refused = await host.run('agent', '--join', token);
  t.match(refused, {
    code: 2,
    err: `troupe: agent.controlUrl "ws://${address}:${site.port}" would send credentials in clear to another machine; use wss://, or set link.allowInsecure\n`,
  });
  const insisting = host.start('agent', '--join', token, '--set', 'link.allowInsecure=true');
  await insisting.written(
    /Host links from other machines need TLS: dial wss:\/\/, or set link\.allowInsecure on the control plane/,
  );
  insisting.child.kill('SIGTERM');
  await insisting.ended;
  t.same(await site.json('hosts'), []);

  await site.run('down');
  const open = await site.run(
    'up',
    '-d',
    '--control-plane-only',
    '--set',
    'api.host=0.0.0.0',
    '--set',
    'link.allowInsecure=true',
  );
  t.equal(open.code, 0, open.err);
  const watch = site.start('watch', '--kind', 'host', '-a');
  const agent = host.start('agent', '--join', token, '--set', 'link.allowInsecure=true');
  await watch.written(/online: link\.synced/);
  agent.child.kill('SIGTERM');
  t.match(await agent.ended, { code: 0 });
  watch.child.kill('SIGINT');
});

t.test('faults of an agent are one line', async (t) => {
  const site = await createCommandSite(t);
  const flags = (...settings: string[]) => settings.flatMap((setting) => ['--set', setting]);
  t.match(await site.run('agent'), {
    code: 2,
    err: /^troupe: "agent\.controlUrl" \(from default\) must say where the control plane is/,
  });
  t.match(await site.run('agent', ...flags('agent.controlUrl=http://x')), {
    code: 2,
    err: /must be a URL without a path, such as wss/,
  });
  t.match(await site.run('agent', ...flags('agent.controlUrl=wss://x', 'agent.caFile=/nowhere')), {
    code: 2,
    err: /^troupe: "agent\.caFile" \(from flag\) can't be read: ENOENT/,
  });
  t.match(await site.run('agent', '--adopt', 'world'), {
    code: 2,
    err: /This host has not joined any world yet/,
  });
});
