/**
 * A host: whether it is heard, whether it takes new containers, and how much
 * room is left. It serialises the claims of all containers.
 */
import { and, assign, emit, enqueueActions, setup, stateIn } from 'xstate';
import { containerAddress } from '../model/address.ts';
import type { Amounts } from '../model/container.ts';
import type {
  EffectResults,
  Emitted,
  HostCommand,
  HostFact,
  HostInput,
  HostMessage,
  Restored,
  Undeliverable,
} from '../model/events.ts';
import { equal, minus, noAmounts, plus } from './amounts.ts';
import type { Chart, Projection } from './chart.ts';
import type { HostContext } from './host/context.ts';
import { metaOf } from './meta.ts';
import { unbound } from './unbound.ts';

type HostEvent = HostCommand | HostFact | HostMessage | Undeliverable | Restored;

interface BouncedGrant {
  readonly containerId: string;
  readonly tenant: string;
  readonly amounts: Amounts;
}

/** Why the claim does not fit, in words; null when it does. */
function shortage({ fingerprint, totals, hostname }: HostContext, amounts: Amounts): string | null {
  if (!fingerprint) return `"${hostname}" has not said yet what it has`;
  const free = {
    cpuMillis: fingerprint.cpus * 1000 - totals.cpuMillis,
    memoryMib: fingerprint.memoryMib - totals.memoryMib,
    diskGib: fingerprint.diskGib - totals.diskGib,
  };
  if (amounts.cpuMillis > free.cpuMillis)
    return `${amounts.cpuMillis / 1000} CPU asked, ${free.cpuMillis / 1000} free`;
  if (amounts.memoryMib > free.memoryMib)
    return `${amounts.memoryMib} MiB memory asked, ${free.memoryMib} free`;
  if (amounts.diskGib > free.diskGib) return `${amounts.diskGib} GiB disk asked, ${free.diskGib} free`;
  return null;
}

function withTenant(tenants: HostContext['tenants'], tenant: string, change: number): HostContext['tenants'] {
  const { [tenant]: count = 0, ...others } = tenants;
  return count + change > 0 ? { ...others, [tenant]: count + change } : others;
}

export const hostMachine = setup({
  types: {
    input: {} as HostInput,
    context: {} as HostContext,
    events: {} as HostEvent,
    emitted: {} as Emitted,
    tags: {} as 'transient' | 'settled',
    meta: {} as { readonly status?: string },
  },
  actors: {
    deadline: unbound<EffectResults['deadline'], { readonly ms: number }>('deadline'),
    tellContainers: unbound<EffectResults['tellContainers'], { readonly hostId: string }>('tellContainers'),
  },
  guards: {
    isThisSession: ({ context, event }) => 'session' in event && event.session === context.session,
    isRoomFor: ({ context, event }) =>
      event.type === 'host.claim' && shortage(context, event.amounts) === null,
    isCountedRight: ({ context, event }) =>
      event.type === 'host.recount' && equal(context.totals, event.totals),
    isGrantBounced: ({ event }) =>
      event.type === 'message.undeliverable' && event.message.type === 'claim.granted',
  },
  actions: {
    recordSession: assign({
      session: ({ context, event }) => (event.type === 'link.connected' ? event.session : context.session),
      fingerprint: ({ context, event }) => ('fingerprint' in event ? event.fingerprint : context.fingerprint),
      hostname: ({ context, event }) =>
        'fingerprint' in event ? event.fingerprint.hostname : context.hostname,
      reason: null,
    }),
    recordFingerprint: assign({
      fingerprint: ({ context, event }) => ('fingerprint' in event ? event.fingerprint : context.fingerprint),
    }),
    recordSilence: assign({
      reason: ({ event }) =>
        event.type === 'link.closed' ? `The link has closed: ${event.reason}` : 'It was not heard in time',
    }),
    grant: enqueueActions(({ enqueue, context, event }) => {
      if (event.type !== 'host.claim') return;
      const { containerId, tenant, generation, amounts } = event;
      enqueue.assign({
        totals: plus(context.totals, amounts),
        tenants: withTenant(context.tenants, tenant, 1),
      });
      enqueue.emit({
        type: 'message',
        to: containerAddress(tenant, containerId),
        event: {
          type: 'claim.granted',
          hostId: context.id,
          hostname: context.hostname,
          generation,
          tenant,
          containerId,
          amounts,
        },
      });
    }),
    refuseClaim: emit(({ context, event }, params: { readonly reason: string | null }) => {
      const claim = event as HostMessage;
      return {
        type: 'message' as const,
        to: containerAddress(claim.tenant, claim.containerId),
        event: {
          type: 'claim.refused',
          hostId: context.id,
          generation: claim.generation,
          reason: params.reason ?? shortage(context, claim.amounts) ?? 'it is not connected',
        },
      };
    }),
    release: assign(({ context, event }) => {
      const { tenant, amounts } = event as HostMessage;
      return { totals: minus(context.totals, amounts), tenants: withTenant(context.tenants, tenant, -1) };
    }),
    takeBackGrant: assign(({ context, event }) => {
      const { tenant, amounts } = (event as unknown as { message: BouncedGrant }).message;
      return { totals: minus(context.totals, amounts), tenants: withTenant(context.tenants, tenant, -1) };
    }),
    recount: assign(({ context, event }) => {
      if (event.type !== 'host.recount') return context;
      return { totals: event.totals, tenants: event.tenants };
    }),
    refuse: emit((_, params: { readonly reason: string }) => ({
      type: 'answer' as const,
      answer: 'refused' as const,
      reason: params.reason,
    })),
  },
}).createMachine({
  id: 'host',
  context: ({ input }) => ({
    ...input,
    session: null,
    fingerprint: null,
    totals: noAmounts,
    tenants: {},
    reason: null,
  }),
  type: 'parallel',
  on: {
    'host.*': { actions: { type: 'refuse', params: { reason: 'It is so already' } } },
    'host.release': { actions: 'release' },
    'host.recount': [{ guard: 'isCountedRight' }, { actions: 'recount' }],
    'host.fingerprinted': { actions: 'recordFingerprint' },
    'message.undeliverable': { guard: 'isGrantBounced', actions: 'takeBackGrant' },
    'actor.restored': {},
    'link.synced': {},
    'link.closed': {},
  },
  states: {
    link: {
      initial: 'joining',
      on: { 'link.connected': { target: '.syncing', actions: 'recordSession' } },
      states: {
        joining: {
          description: 'It has joined and was never connected.',
          tags: 'settled',
          meta: { status: 'joining' },
        },
        syncing: {
          description: 'It is connected and tells what it has.',
          tags: 'transient',
          meta: { status: 'syncing' },
          invoke: {
            id: 'sync.deadline',
            src: 'deadline',
            input: ({ context }) => ({ ms: context.syncMs }),
            onDone: { target: 'suspect', actions: 'recordSilence' },
            onError: 'suspect',
          },
          on: {
            'link.synced': { guard: 'isThisSession', target: 'online' },
            'link.closed': { guard: 'isThisSession', target: 'suspect', actions: 'recordSilence' },
          },
        },
        online: {
          description: 'It is heard and obeys.',
          tags: 'settled',
          meta: { status: 'online' },
          on: { 'link.closed': { guard: 'isThisSession', target: 'suspect', actions: 'recordSilence' } },
        },
        suspect: {
          description: 'It is not heard; it may come back.',
          tags: 'transient',
          meta: { status: 'suspect' },
          invoke: {
            id: 'suspect.deadline',
            src: 'deadline',
            input: ({ context }) => ({ ms: context.lostMs }),
            onDone: 'lost',
            onError: 'lost',
          },
        },
        lost: {
          description: 'It is not heard and its containers are unknown.',
          meta: { status: 'lost' },
          initial: 'telling',
          states: {
            telling: {
              description: 'Its containers are told.',
              tags: 'transient',
              invoke: [
                {
                  id: 'tellContainers',
                  src: 'tellContainers',
                  input: ({ context }) => ({ hostId: context.id }),
                  onDone: 'told',
                  onError: 'pausing',
                },
                {
                  id: 'tell.deadline',
                  src: 'deadline',
                  input: { ms: 60_000 },
                  onDone: 'pausing',
                  onError: 'pausing',
                },
              ],
            },
            pausing: {
              description: 'Its containers could not all be told; they are told again.',
              tags: 'transient',
              invoke: {
                id: 'tell.pause',
                src: 'deadline',
                input: { ms: 5_000 },
                onDone: 'telling',
                onError: 'telling',
              },
            },
            told: { tags: 'settled' },
          },
        },
      },
    },
    admission: {
      initial: 'open',
      states: {
        open: {
          description: 'It takes new containers.',
          tags: 'settled',
          on: {
            'host.cordon': 'cordoned',
            'host.claim': [
              { guard: and([stateIn('#host.link.online'), 'isRoomFor']), actions: 'grant' },
              { actions: { type: 'refuseClaim', params: { reason: null } } },
            ],
          },
        },
        cordoned: {
          description: 'It takes no new containers; those it has go on.',
          tags: 'settled',
          on: {
            'host.uncordon': 'open',
            'host.claim': { actions: { type: 'refuseClaim', params: { reason: 'it is cordoned' } } },
          },
        },
      },
    },
  },
});

const descriptions: Readonly<Record<string, string>> = {
  'sync.deadline': 'the time to tell its inventory to run out',
  'suspect.deadline': 'the time to be heard again to run out',
  tellContainers: 'its containers to take note',
  'tell.deadline': 'the time to tell its containers to run out',
  'tell.pause': 'the pause before its containers are told again',
};

export const hostChart: Chart = {
  kind: 'host',
  version: 1,
  machine: hostMachine,
  project(paths, context): Projection {
    const { status = 'unknown' } = metaOf(
      hostMachine,
      paths.filter((path) => path.startsWith('link.')),
    );
    const { reason, fingerprint } = context as HostContext;
    const engine =
      fingerprint && !fingerprint.engineUp
        ? (fingerprint.engineProblem ?? 'The container engine does not answer')
        : null;
    return {
      status,
      taskState: paths.includes('admission.cordoned') ? 'cordoned' : null,
      reason: reason ?? engine,
    };
  },
  describe(invokeId) {
    const description = descriptions[invokeId];
    if (!description) throw new RangeError(`The host chart has no invoke "${invokeId}"`);
    return description;
  },
  commands: [
    { sample: { type: 'host.cordon' }, roles: ['admin'] },
    { sample: { type: 'host.uncordon' }, roles: ['admin'] },
  ],
  migrations: {},
};
