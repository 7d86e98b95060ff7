/**
 * A sandbox: a network namespace that is made and plugged apart from the
 * container that joins it, and outlives every restart of it (DESIGN rule 15).
 *
 * It owns its namespace and its addresses from the first to the last; a claim
 * is a state of it. A namespace that one container had is never handed to
 * another.
 */
import type { Chart } from './chart.ts';
import { metaOf } from './meta.ts';
import { allocating } from './sandbox/allocate.ts';
import { attaching } from './sandbox/attach.ts';
import type { SandboxContext } from './sandbox/context.ts';
import { describeSandbox } from './sandbox/describe.ts';
import { detaching } from './sandbox/detach.ts';
import { making } from './sandbox/make.ts';
import { marking, regrouping, releasing, wiring } from './sandbox/neutron.ts';
import { draining } from './sandbox/remove.ts';
import { sandboxSetup } from './sandbox/setup.ts';
import { toVersion2 } from './sandbox/version2.ts';
import { toVersion3 } from './sandbox/version3.ts';

export const sandboxMachine = sandboxSetup.createMachine({
  id: 'sandbox',
  context: ({ input: { found, ...input } }) => ({
    ...input,
    ...(found ?? { ports: [], portsAsked: 0 }),
    leaving: null,
    portIntent: null,
    // Nor is it known of one that was found.
    marksOwed: input.claimedBy === null || found !== undefined,
    regroup: null,
    engineId: null,
    tries: 0,
    failure: null,
    reason: null,
  }),
  on: {
    'sandbox.claim': [
      // Asked again: the answer is on its way, or comes once it is made.
      { guard: 'isItsContainer' },
      { actions: { type: 'refuseClaim', params: { reason: 'It belongs to another container' } } },
    ],
    'sandbox.release': { guard: 'isItsContainer', target: '.draining' },
    'sandbox.attach': {
      guard: 'isItsContainer',
      actions: { type: 'refuseChange', params: { reason: 'Its network is being changed; try again' } },
    },
    'sandbox.detach': {
      guard: 'isItsContainer',
      actions: { type: 'refuseChange', params: { reason: 'Its network is being changed; try again' } },
    },
    'sandbox.regroup': {
      guard: 'isItsContainer',
      actions: { type: 'refuseChange', params: { reason: 'Its network is being changed; try again' } },
    },
    'sandbox.dismiss': {},
    'network.allocated': { actions: 'returnLatePort' },
    'network.refused': {},
    'sandbox.died': {},
    'sandbox.found': {},
    'sandbox.displaced': {},
    'host.lost': {},
    'host.removed': { guard: 'isOnItsHost', target: '.releasing' },
    'message.undeliverable': { guard: 'isContainerGone', target: '.draining' },
    'resource.seen': {},
    'actor.restored': {},
  },
  entry: 'tellUseFromStart',
  initial: 'allocating',
  states: {
    allocating,
    making,
    wiring,
    made: {
      tags: 'transient',
      always: [
        { guard: 'isClaimed', target: 'claimed', actions: 'grant' },
        { target: 'ready', actions: ['offer', { type: 'tellPool', params: { type: 'pool.joined' } }] },
      ],
    },
    ready: {
      description: 'It was made ahead and waits for its container.',
      tags: 'settled',
      meta: { status: 'ready' },
      on: {
        'sandbox.claim': {
          target: 'claimed',
          actions: ['recordClaim', 'grant', { type: 'tellPool', params: { type: 'pool.used', ahead: true } }],
        },
        'sandbox.dismiss': {
          target: 'draining',
          actions: { type: 'tellPool', params: { type: 'pool.left', wasReady: true } },
        },
        'sandbox.died': {
          guard: 'isOnItsHost',
          target: 'draining',
          actions: ['withdraw', { type: 'tellPool', params: { type: 'pool.left', wasReady: true } }],
        },
        'sandbox.displaced': {
          guard: 'isItsAddress',
          target: 'draining',
          actions: [
            'dropAddress',
            'withdraw',
            { type: 'tellPool', params: { type: 'pool.left', wasReady: true } },
          ],
        },
      },
    },
    claimed: {
      meta: { status: 'claimed' },
      initial: 'deciding',
      states: {
        deciding: {
          tags: 'transient',
          always: [{ guard: 'areMarksOwed', target: 'marking', actions: 'beginStep' }, { target: 'settled' }],
        },
        marking,
        settled: { description: 'A container lives in it.', tags: 'settled' },
      },
      on: {
        'sandbox.claim': [
          { guard: 'isSuspectedByIts', target: 'making' },
          { guard: 'isItsContainer', actions: 'grant' },
          { actions: { type: 'refuseClaim', params: { reason: 'It belongs to another container' } } },
        ],
        'sandbox.died': { guard: 'isOnItsHost', target: 'broken', actions: ['recordDeath', 'tellBroken'] },
        'sandbox.attach': [
          {
            guard: 'isAttachedAlready',
            actions: { type: 'refuseChange', params: { reason: 'It is attached to that network already' } },
          },
          { guard: 'isItsContainer', target: 'attaching' },
        ],
        'sandbox.detach': [
          { guard: 'isAttached', target: 'detaching', actions: ['beginStep', 'recordDetach'] },
          { actions: { type: 'refuseChange', params: { reason: 'It is not attached to that network' } } },
        ],
        'sandbox.regroup': { guard: 'isItsContainer', target: 'regrouping' },
      },
    },
    broken: {
      description: 'Its namespace is gone; it is made again before its container starts.',
      tags: 'settled',
      meta: { status: 'broken' },
      on: {
        // It is given another when it is made again.
        'sandbox.displaced': { guard: 'isItsAddress', actions: 'dropAddress' },
        'sandbox.claim': [
          { guard: 'isItsContainer', target: 'allocating' },
          { actions: { type: 'refuseClaim', params: { reason: 'It belongs to another container' } } },
        ],
        'sandbox.attach': {
          guard: 'isItsContainer',
          actions: { type: 'refuseChange', params: { reason: 'Its namespace is gone; start it first' } },
        },
        'sandbox.detach': {
          guard: 'isItsContainer',
          actions: { type: 'refuseChange', params: { reason: 'Its namespace is gone; start it first' } },
        },
        'sandbox.regroup': {
          guard: 'isItsContainer',
          actions: { type: 'refuseChange', params: { reason: 'Its namespace is gone; start it first' } },
        },
      },
    },
    regrouping,
    attaching,
    detaching,
    failed: {
      tags: 'transient',
      entry: 'tellFailed',
      always: [
        { guard: 'isClaimed', target: 'draining' },
        {
          target: 'draining',
          actions: { type: 'tellPool', params: { type: 'pool.left', wasReady: false } },
        },
      ],
    },
    draining,
    releasing,
    gone: {
      description: 'Nothing of it is left.',
      type: 'final',
      tags: 'settled',
      meta: { status: 'gone', releases: 'address' },
      entry: ['releaseLeaving', 'releasePorts'],
    },
  },
});

export const sandboxChart: Chart = {
  kind: 'sandbox',
  version: 3,
  machine: sandboxMachine,
  project: (paths, context) => ({
    status: metaOf(sandboxMachine, paths).status ?? 'making',
    taskState: null,
    reason: (context as SandboxContext).reason,
  }),
  describe: describeSandbox,
  commands: [],
  migrations: {
    // Version 2 may be a capsule's, and have ports of Neutron.
    1: toVersion2,
    // Version 3 may have been made ahead with ports of Neutron.
    2: toVersion3,
  },
};
