/**
 * A capsule: containers that live in one sandbox on one host, and come and go
 * together.
 *
 * It owns the sandbox, the place and the quota of all its members. Each member
 * is a container of the ordinary chart, which is told when it is its turn and
 * tells what becomes of it; what the capsule is, is read from these.
 */
import { membersInWords, type CapsuleContext } from './capsule/context.ts';
import { describeCapsule } from './capsule/describe.ts';
import { found } from './capsule/found.ts';
import { active, failed, gathering, initialising } from './capsule/members.ts';
import { opening, sandboxTraffic } from './capsule/network.ts';
import { whenGone } from './capsule/news.ts';
import { placing } from './capsule/place.ts';
import { deleted, removing } from './capsule/remove.ts';
import { capsuleSetup } from './capsule/setup.ts';
import type { Chart, Projection } from './chart.ts';
import { metaOf } from './meta.ts';

export const capsuleMachine = capsuleSetup.createMachine({
  id: 'capsule',
  context: ({ input: { found: there, ...input } }) => ({
    ...input,
    members: input.members.map((member) => ({
      ...member,
      is: 'absent' as const,
      isCalled: false,
      exitCode: null,
      reason: null,
    })),
    candidates: [],
    refusedBy: [],
    refusals: [],
    mayChange: false,
    hostId: null,
    hostname: null,
    reservationHeld: true,
    claimHeld: false,
    sandboxId: null,
    sandboxSound: false,
    sandboxEngineId: null,
    breach: null,
    sandboxesAsked: 0,
    awaiting: [],
    ports: [],
    tries: 0,
    failure: null,
    reason: null,
    ...there,
  }),
  entry: ['confirmReservation', 'keepVolumes'],
  on: {
    // Refusals stand at the root, so that they answer only what no state has answered.
    'capsule.*': { actions: { type: 'refuse', params: { reason: 'A capsule does not know this' } } },
    'capsule.delete': '.removing',
    'capsule.found': {},
    ...sandboxTraffic,
    'member.became': [whenGone, { actions: 'recordMember' }],
    // A host that answered too late, or once more, is told that this room is not needed.
    'claim.granted': { actions: 'returnLateClaim' },
    'claim.refused': {},
    // Its members are told, too, and say so.
    'host.lost': {},
    'actor.restored': {},
  },
  initial: 'gathering',
  states: { gathering, found, placing, opening, initialising, active, failed, removing, deleted },
});

function project(paths: readonly string[], context: unknown): Projection {
  const { status = 'Creating', description } = metaOf(capsuleMachine, paths);
  const { members, reason, breach } = context as CapsuleContext;
  const isOfMembers = paths.some((path) => path.startsWith('active') || path.startsWith('initialising'));
  const said = isOfMembers ? membersInWords(members.filter(({ isCalled }) => isCalled)) : null;
  const told = [reason, breach === null ? null : `Its network is gone: ${breach}`, said].filter(
    (each) => each !== null,
  );
  const otherwise = status === 'Running' ? null : (description ?? 'It is on its way');
  return { status, taskState: null, reason: told.length > 0 ? told.join('; ') : otherwise };
}

export const capsuleChart: Chart = {
  kind: 'capsule',
  version: 1,
  machine: capsuleMachine,
  project,
  describe: describeCapsule,
  commands: [{ type: 'capsule.delete' }],
  migrations: {},
};
