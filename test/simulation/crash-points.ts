/**
 * A crash at every commit and at every engine call of create, start, stop and
 * delete, and of a volume that comes and goes meanwhile: before it reaches the
 * store or engine, and after it has but before anyone was told.
 */
import type { ContainerContext } from '../../src/machines/container/context.ts';
import { checkInvariants } from './invariants.ts';
import { createKernel } from './kernel.ts';
import { volumesOf } from './volume-invariants.ts';
import { createWorld, type SimulatedWorld } from './world.ts';

type Victim = 'control plane' | 'agent';

interface Point {
  readonly at: 'commit' | 'operation';
  readonly when: 'before' | 'after';
  readonly number: number;
  readonly victim: Victim;
}

const seed = 4711;
/** Back before its host counts as lost: then no crash leads to another end. */
const agentAwayMs = 6_000;

/** Calls of the host that may be struck. */
const struck = {
  plain: ['pullImage', 'createContainer', 'startContainer', 'stopContainer', 'removeContainer'],
  volumes: [
    'written',
    'connected',
    'mounted',
    'mountInside',
    'unmountInside',
    'unmounted',
    'disconnected',
    'forgotten',
  ],
} as const;

type Life = keyof typeof struck;

/** The same small life each time: create and run, stop, start, delete; with peace in between. Or with a volume in and out, running. */
async function scenario(world: SimulatedWorld, life: Life, watch: (on: boolean) => void): Promise<string[]> {
  const { kernel } = world;
  const wrong: string[] = [];
  const settle = (): Promise<void> => kernel.run(kernel.now + 60_000);
  watch(life === 'plain');
  let created: Awaited<ReturnType<SimulatedWorld['create']>> = null;
  // A client that was not answered asks again with the same key, as clients do.
  for (let tries = 0; tries < 5 && created === null; tries += 1) {
    void world
      .create({ tenant: 'p1', run: true, key: 'the-key', image: 'busybox:latest', wishes: [] })
      .then((address) => (created ??= address));
    await settle();
  }
  if (created === null) return ['create was never accepted'];
  const address = created as NonNullable<typeof created>;
  const status = (): string => {
    const committed = world.controlPlane?.runtime.cell(address)?.committed;
    return committed?.projection.status ?? 'gone';
  };
  const reach = async (
    wanted: string,
    event: Parameters<SimulatedWorld['command']>[1] | null,
  ): Promise<void> => {
    for (let tries = 0; tries < 5 && status() !== wanted; tries += 1) {
      if (event) void world.command(address, event);
      await settle();
    }
    if (status() !== wanted) wrong.push(`${status()} where ${wanted} was to be reached`);
  };
  await reach('Running', null);
  if (life === 'volumes') {
    watch(true);
    const count = (): number =>
      (world.controlPlane?.runtime.cell(address)?.committed?.record.context as ContainerContext | undefined)
        ?.mounts.length ?? 0;
    for (const [wanted, ask] of [
      [1, () => world.attachVolume(address)],
      [0, () => world.detachVolume(address)],
    ] as const) {
      for (let tries = 0; tries < 5 && count() !== wanted; tries += 1) {
        void ask();
        await settle();
      }
      if (count() !== wanted) wrong.push(`It has ${count()} volumes instead of ${wanted}`);
      await reach('Running', null);
      wrong.push(...(world.controlPlane ? volumesOf(world, world.controlPlane.runtime) : []));
    }
    watch(false);
    await reach('gone', { type: 'container.delete', mode: 'stop', graceMs: 1_000 });
    return wrong;
  }
  await reach('Stopped', { type: 'container.stop', graceMs: 1_000 });
  await reach('Running', { type: 'container.start' });
  await reach('gone', { type: 'container.delete', mode: 'stop', graceMs: 1_000 });
  return wrong;
}

async function run(
  life: Life,
  point: Point | null,
): Promise<{ commits: number; operations: number; wrong: readonly string[] }> {
  const kernel = createKernel(seed, false);
  const world = createWorld(kernel, {
    hosts: 1,
    duration: 0,
    creates: 0,
    volumes: life === 'volumes' ? 1 : 0,
    faults: false,
    agentAwayMs: agentAwayMs,
  });
  await world.boot();
  let isWatched = false;
  let [firstCommit, commits, operations] = [0, 0, 0];
  const watch = (on: boolean): void => {
    if (isWatched) commits = world.disk.commits - firstCommit;
    else firstCommit = world.disk.commits;
    isWatched = on;
  };
  let isStruck = false;
  const strike = (): void => {
    if (isStruck || !point) return;
    isStruck = true;
    if (point.victim === 'agent') world.crashAgent(0);
    else world.crashControlPlane();
  };
  world.disk.onCommit = (when, number) => {
    const isIt = point?.at === 'commit' && point.when === when && number - firstCommit === point.number;
    if (isWatched && isIt) strike();
  };
  world.engines[0]!.onOperation = (when, kind) => {
    if (!isWatched || !(struck[life] as readonly string[]).includes(kind)) return;
    if (when === 'before') operations += 1;
    if (point?.at === 'operation' && point.when === when && operations === point.number) strike();
  };
  const wrong = await scenario(world, life, watch);
  watch(false);
  await world.peace();
  return { commits, operations, wrong: [...wrong, ...(await checkInvariants(world))] };
}

export async function runCrashPoints(
  life: Life,
  say: (line: string) => void,
): Promise<{ readonly points: number; readonly wrong: readonly string[] }> {
  const smooth = await run(life, null);
  const wrong = smooth.wrong.map((each) => `without a crash: ${each}`);
  say(`${smooth.commits} commits and ${smooth.operations} calls of the host in one life`);
  let points = 0;
  for (const [at, count] of [
    ['commit', smooth.commits],
    ['operation', smooth.operations],
  ] as const) {
    for (let number = 1; number <= count; number += 1) {
      for (const when of ['before', 'after'] as const) {
        for (const victim of ['control plane', 'agent'] as const) {
          points += 1;
          const found = await run(life, { at, when, number, victim });
          for (const each of found.wrong) wrong.push(`${victim} killed ${when} ${at} ${number}: ${each}`);
        }
      }
    }
  }
  return { points, wrong };
}
