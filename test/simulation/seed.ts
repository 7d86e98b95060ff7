/** One seed, from an empty world to a verdict. */
import { checkInvariants } from './invariants.ts';
import { createKernel } from './kernel.ts';
import { createWorld, type SimulatedWorld } from './world.ts';

export interface Verdict {
  readonly seed: number;
  readonly wrong: readonly string[];
  /** Of the whole trace: equal for equal seeds. */
  readonly hash: string;
  readonly lines: readonly string[];
  readonly accepted: number;
  readonly virtualMs: number;
}

/** Of containers that have volumes. */
const share = 0.4;

/** @param meddle breaks the world on purpose, to see that the invariants notice */
export async function runSeed(
  seed: number,
  options: {
    keepLines?: boolean;
    capsules?: number;
    disasters?: boolean;
    volumes?: number;
    meddle?: (world: SimulatedWorld) => void;
  } = {},
): Promise<Verdict> {
  const kernel = createKernel(seed, options.keepLines ?? false);
  const world = createWorld(kernel, {
    hosts: 1 + (seed % 3),
    duration: 40_000,
    creates: 16,
    capsules: options.capsules ?? 0,
    volumes: options.volumes ?? share,
    faults: true,
    // A host that is lost for longer than the store is, and has what the store forgot, may find it made anew elsewhere.
    agentAwayMs: options.disasters ? 6_000 : 12_000,
    disasters: options.disasters ?? false,
  });
  options.meddle?.(world);
  await world.live();
  const wrong = await checkInvariants(world);
  return {
    seed,
    wrong,
    hash: kernel.hash(),
    lines: kernel.lines,
    accepted: world.accepted.size + world.capsules.size,
    virtualMs: kernel.now,
  };
}
