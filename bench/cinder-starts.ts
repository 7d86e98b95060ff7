/**
 * 11. Starts with an existing volume of the real Cinder (`dev/openstack/up`), through the REST API, against a script that does by hand
 * what has to be done. Rounds alternate, with the same volume, which has its file system.
 */
import { existsSync } from 'node:fs';
import Docker from 'dockerode';
import { cloudsFile, createCloud } from '../test/openstack/cloud.ts';
import { projectVolumes } from '../test/openstack/cinder-cloud.ts';
import { createCloudSite } from '../test/openstack/neutron-site.ts';
import { runByScript } from './cinder-script.ts';
import { percentile, type Figures } from './figures.ts';
import { command, image, memoryMib } from './real-site.ts';
import { configOf } from './site.ts';
import { watch } from './watcher.ts';

const rounds = 7;

interface Turn {
  readonly at: number;
  readonly to: readonly string[];
}

const median = (values: readonly number[]): number => percentile(values, 0.5);

export async function measureCinderStarts({ tell }: Figures): Promise<void> {
  if (!existsSync(cloudsFile))
    return console.log('11. not run: there is no OpenStack; dev/openstack/up makes one');
  const undone: (() => unknown)[] = [];
  const scope = { teardown: (undo: () => unknown) => void undone.push(undo) };
  try {
    const cloud = await createCloud(scope);
    const site = await createCloudSite(scope, cloud, 'RegionOne', { volume: { driver: 'cinder' } });
    const [project, person] = [await cloud.project('bench'), await cloud.person('bench')];
    for (const role of ['member', 'service']) await cloud.grant(person, project, role);
    const token = await cloud.token(person, project);
    const url = await cloud.originOf('block-storage');
    const cinder = projectVolumes(scope, url, project.id, token);
    const data = await cinder.make('data');
    const watcher = await watch(site.site.url, cloud.adminToken);
    undone.push(() => watcher.close());
    const docker = new Docker({ socketPath: configOf({}).engine.socket });

    const start = async (): Promise<string> => {
      const mounts = [{ source: data.id, destination: '/data' }];
      const { uuid } = await site.create(token, { image, command, memory: memoryMib, mounts });
      await watcher.seen(uuid, 'Running');
      return uuid;
    };
    const remove = async (uuid: string): Promise<void> => {
      await site.remove(token, uuid);
      await cinder.reach(data.id, 'available');
    };
    const steps = new Map<string, number[]>();
    const step = (name: string, ms: number): void => void steps.set(name, [...(steps.get(name) ?? []), ms]);

    // It is formatted, and all is warm, before anything counts.
    await remove(await start());
    const times = { ours: [] as number[], script: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      let began = performance.now();
      const uuid = await start();
      times.ours.push(performance.now() - began);
      const { json } = await site.call('GET', `/v1/containers/${uuid}/history`, cloud.adminToken);
      const turns = json['history'] as readonly Turn[];
      for (const [index, { at, to }] of turns.slice(0, -1).entries())
        step(`container in ${to.find((path) => /volumes/.test(path)) ?? to[0]}`, turns[index + 1]!.at - at);
      await remove(uuid);
      began = performance.now();
      const account = { url: `${url}/v3/${project.id}`, token };
      const undo = await runByScript(account, docker, data.id, (name, ms) => step(`script: ${name}`, ms));
      times.script.push(performance.now() - began);
      await undo();
      await cinder.reach(data.id, 'available');
    }
    tell('11. script: attachment, os-brick, mount, container', median(times.script), 'ms');
    tell('11. with a volume of Cinder, through the REST API', median(times.ours), 'ms/start');
    tell('11. ratio', median(times.ours) / median(times.script), 'x script', '<= 1.1');
    for (const [name, values] of steps)
      if (median(values) >= 1) {
        const whole = median(name.startsWith('script') ? times.script : times.ours);
        tell(`11. ${name}`, median(values), 'ms');
        tell(`11. ${name}: share`, (100 * median(values)) / whole, '%');
      }
  } finally {
    for (const undo of undone.toReversed()) await undo();
  }
}
