/**
 * A crash at every commit and at every engine call of create, start, stop and
 * delete: before it reaches the store or engine, and after it has but before
 * anyone was told.
 */
import { checkInvariants } from './invariants.ts';
import { createKernel } from './kernel.ts';
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

/** The same small life each time: create and run, stop, start, delete; with peace in between. */
async function scenario(world: SimulatedWorld): Promise<string[]> {
  const { kernel } = world;
  const wrong: string[] = [];
  const settle = (): Promise<void> => kernel.run(kernel.now + 60_000);
  let created: Awaited<ReturnType<SimulatedWorld['create']>> = null;
  // A client that was not answered asks again with the same key, as clients do.
  for (let tries = 0; tries < 5 && created === null; tries += 1) {
    void world
      .create({ tenant: 'p1', run: true, key: 'the-key', image: 'busybox:latest' })
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
  await reach('Stopped', { type: 'container.stop', graceMs: 1_000 });
  await reach('Running', { type: 'container.start' });
  await reach('gone', { type: 'container.delete', mode: 'stop', graceMs: 1_000 });
  return wrong;
}

async function run(
  point: Point | null,
): Promise<{ commits: number; operations: number; wrong: readonly string[] }> {
  const kernel = createKernel(seed, false);
  const world = createWorld(kernel, {
    hosts: 1,
    duration: 0,
    creates: 0,
    faults: false,
    agentAwayMs: agentAwayMs,
  });
  await world.boot();
  const bootCommits = world.disk.commits;
  let operations = 0;
  let struck = false;
  const strike = (): void => {
    if (struck || !point) return;
    struck = true;
    if (point.victim === 'agent') world.crashAgent(0);
    else world.crashControlPlane();
  };
  world.disk.onCommit = (when, number) => {
    if (point?.at === 'commit' && point.when === when && number - bootCommits === point.number) strike();
  };
  world.engines[0]!.onOperation = (when, kind) => {
    if (
      !['pullImage', 'createContainer', 'startContainer', 'stopContainer', 'removeContainer'].includes(kind)
    )
      return;
    if (when === 'before') operations += 1;
    if (point?.at === 'operation' && point.when === when && operations === point.number) strike();
  };
  const wrong = await scenario(world);
  const commits = world.disk.commits - bootCommits;
  await world.peace();
  return { commits, operations, wrong: [...wrong, ...(await checkInvariants(world))] };
}

export async function runCrashPoints(
  say: (line: string) => void,
): Promise<{ readonly points: number; readonly wrong: readonly string[] }> {
  const smooth = await run(null);
  const wrong = smooth.wrong.map((each) => `without a crash: ${each}`);
  say(`${smooth.commits} commits and ${smooth.operations} engine calls in one life`);
  let points = 0;
  for (const [at, count] of [
    ['commit', smooth.commits],
    ['operation', smooth.operations],
  ] as const) {
    for (let number = 1; number <= count; number += 1) {
      for (const when of ['before', 'after'] as const) {
        for (const victim of ['control plane', 'agent'] as const) {
          points += 1;
          const point = { at, when, number, victim };
          const found = await run(point);
          for (const each of found.wrong) wrong.push(`${victim} killed ${when} ${at} ${number}: ${each}`);
        }
      }
    }
  }
  return { points, wrong };
}
