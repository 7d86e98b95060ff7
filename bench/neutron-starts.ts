/**
 * 10. Starts on a network of the real Neutron (`dev/openstack/up`): into a sandbox made ahead, against the engine's own API on its
 * own bridge; without one, against a script that plugs; and how long a restart leaves an address without an answer. Rounds
 * alternate.
 */
import { existsSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import Docker from 'dockerode';
import { request } from 'undici';
import { cloudsFile, createCloud } from '../test/openstack/cloud.ts';
import { createNeutronCloud } from '../test/openstack/neutron-cloud.ts';
import { createNeutronSite, type Container } from '../test/openstack/neutron-site.ts';
import { startRaw } from './against-engine.ts';
import { percentile, type Figures } from './figures.ts';
import { plugByScript } from './neutron-script.ts';
import { image, memoryMib } from './real-site.ts';
import { configOf, pause } from './site.ts';
import { watch } from './watcher.ts';

const rounds = 5;
/** Starts of a warm round, one after the other. */
const single = 4;

const median = (values: readonly number[]): number => percentile(values, 0.5);

interface Turn {
  readonly at: number;
  readonly to: readonly string[];
}

export async function measureNeutronStarts({ tell }: Figures): Promise<void> {
  if (!existsSync(cloudsFile))
    return console.log('10. not run: there is no OpenStack; dev/openstack/up makes one');
  const undone: (() => unknown)[] = [];
  const scope = { teardown: (undo: () => unknown) => void undone.push(undo) };
  try {
    const cloud = await createCloud(scope);
    const neutron = await createNeutronCloud(scope, cloud);
    const site = await createNeutronSite(scope, cloud, { poolCeiling: single, poolWindowMs: 600_000 });
    const [project, person] = [await cloud.project('bench'), await cloud.person('bench')];
    await cloud.grant(person, project, 'member');
    const token = await cloud.token(person, project);
    const network = await neutron.network(project, 'bench', '10.93.0.0/24');
    const watcher = await watch(site.site.url, cloud.adminToken);
    undone.push(() => watcher.close());
    const docker = new Docker({ socketPath: configOf({}).engine.socket });

    const start = async (more: object): Promise<string> => {
      const answer = await request(`${site.site.url}/v1/containers?run=true`, {
        method: 'POST',
        headers: {
          'x-auth-token': token,
          'openstack-api-version': 'container 1.40',
          'content-type': 'application/json',
        },
        body: JSON.stringify({
          image,
          command: ['httpd', '-f', '-p', '80'],
          memory: memoryMib,
          nets: [{ network }],
          ...more,
        }),
      });
      if (answer.statusCode !== 202) throw new Error(`It was not accepted: ${await answer.body.text()}`);
      const { uuid } = (await answer.body.json()) as { uuid: string };
      await watcher.seen(uuid, 'Running');
      return uuid;
    };
    const ready = async (): Promise<number> => {
      const { json } = await site.call('GET', '/v1/hosts', cloud.adminToken);
      const hosts = json['hosts'] as { pools: { ready: number }[] }[];
      return hosts.flatMap(({ pools }) => pools).reduce((sum, pool) => sum + pool.ready, 0);
    };
    /** As many as a warm round takes, and nothing on its way any more: what fills the pool is none of a start's. */
    const settled = async (): Promise<void> => {
      const isSettled = async (): Promise<boolean> =>
        (await ready()) === single && (await neutron.ports(`network_id=${network}`)).length === single;
      while (!(await isSettled())) await pause(200);
      await pause(1_000);
    };
    const remove = (uuid: string): Promise<void> => site.remove(token, uuid);
    const history = async (kind: string, id: string): Promise<readonly Turn[]> =>
      (await site.call('GET', `/v1/${kind}/${id}/history`, cloud.adminToken)).json[
        'history'
      ] as readonly Turn[];

    // The pool grows with use.
    const first: string[] = [];
    for (let each = 0; each < single; each += 1) first.push(await start({}));
    for (const uuid of first) await remove(uuid);

    const times = { raw: [] as number[], warm: [] as number[], cold: [] as number[], script: [] as number[] };
    const shares = new Map<string, number[]>();
    const share = (step: string, ms: number): void =>
      void shares.set(step, [...(shares.get(step) ?? []), ms]);
    const timed = async <T>(into: number[], work: () => Promise<T>): Promise<T> => {
      const began = performance.now();
      const made = await work();
      into.push(performance.now() - began);
      return made;
    };
    for (let round = 0; round < rounds; round += 1) {
      await settled();
      const raws = [];
      for (let each = 0; each < single; each += 1)
        raws.push(await timed(times.raw, () => startRaw({ docker })));
      for (const { remove: end } of raws) await end();
      const made: string[] = [];
      for (let each = 0; each < single; each += 1) made.push(await timed(times.warm, () => start({})));
      for (const uuid of made) await remove(uuid);
      await settled();
      // What has a wish of its own is not made ahead.
      const cold = await timed(times.cold, () => start({ hostname: 'cold' }));
      const unplug = await timed(times.script, () => plugByScript(neutron, project, network));
      await unplug();
      const [port] = await neutron.ports(`device_id=${cold}`);
      const sandbox = port!.tags
        .find((tag) => tag.startsWith('troupe:actor='))!
        .slice('troupe:actor='.length);
      const states = (turns: readonly Turn[], of: string): void =>
        turns.slice(0, -1).forEach(({ at, to }, index) => {
          const [state = ''] = to;
          share(`${of} in ${state}`, turns[index + 1]!.at - at);
        });
      states(
        (await history('sandboxes', sandbox)).filter(({ to }) => !to.includes('gone')),
        'sandbox',
      );
      states(await history('containers', cold), 'container');
      await remove(cold);
    }
    tell('10. raw dockerode, on its own bridge', median(times.raw), 'ms/start');
    tell('10. on a Neutron network, warm, through the REST API', median(times.warm), 'ms/start');
    tell('10. warm: ratio', median(times.warm) / median(times.raw), 'x raw', '<= 0.7');
    tell('10. script: port, namespace, plug, ACTIVE', median(times.script), 'ms');
    tell('10. on a Neutron network, cold, through the REST API', median(times.cold), 'ms/start');
    tell('10. cold: ratio', median(times.cold) / median(times.script), 'x script', '<= 1.1');
    for (const [step, values] of shares)
      if (median(values) >= 1) tell(`10. cold: ${step}`, median(values), 'ms');
    tell('10. restart with a port: until its server answers again', await restarted(), 'ms');

    async function restarted(): Promise<number> {
      const [server, client] = await Promise.all([start({}), start({})]);
      const { addresses } = (await site.show(token, server)) as Container;
      const address = addresses[network]![0]!.addr;
      const silences: number[] = [];
      for (let round = 0; round < rounds; round += 1) silences.push(await silenceOf(client, server, address));
      await Promise.all([server, client].map(remove));
      return median(silences);
    }

    async function silenceOf(client: string, server: string, address: string): Promise<number> {
      const filters = { label: [`troupe.container-id=${client}`] };
      const [found] = await docker.listContainers({ filters });
      const { State } = await docker.getContainer(found!.Id).inspect();
      const looking = spawn(
        'nsenter',
        [
          `--net=/proc/${State.Pid}/ns/net`,
          '--',
          process.execPath,
          ...process.execArgv,
          join(import.meta.dirname, 'answers-process.js'),
          address,
          '80',
        ],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const lines = createInterface(looking.stdout)[Symbol.asyncIterator]();
      await lines.next();
      await site.call('POST', `/v1/containers/${server}/reboot?timeout=0`, token);
      const { value } = (await lines.next()) as { value: string };
      await site.reach(token, server, 'Running');
      return Number(value);
    }
  } finally {
    for (const undo of undone.toReversed()) await undo();
  }
}
