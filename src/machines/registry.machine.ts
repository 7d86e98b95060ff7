/**
 * A registry that a project has credentials of. It does nothing by itself: who
 * pulls an image reads it, and its history says who changed it when.
 */
import { assign, emit, setup } from 'xstate';
import type { Emitted } from '../model/events.ts';
import type { RegistryEvent, RegistryInput } from '../model/registry-events.ts';
import type { Chart } from './chart.ts';
import { metaOf } from './meta.ts';
import { describeBy } from './describe.ts';
import { commandAnswer } from './command-answer.ts';

export type RegistryContext = RegistryInput;

const registrySetup = setup({
  types: {
    input: {} as RegistryInput,
    context: {} as RegistryContext,
    events: {} as RegistryEvent,
    emitted: {} as Emitted,
    tags: {} as 'transient' | 'settled',
    meta: {} as { readonly status?: string },
  },
  actions: {
    recordChanges: assign(({ event }) => (event.type === 'registry.update' ? event.changes : {})),
    refuseCommand: emit((_, params: { readonly reason: string }) => commandAnswer('refused', params.reason)),
  },
});

export const registryMachine = registrySetup.createMachine({
  id: 'registry',
  context: ({ input }) => input,
  on: {
    'registry.*': { actions: { type: 'refuseCommand', params: { reason: 'A registry does not know this' } } },
    'actor.restored': {},
  },
  initial: 'active',
  states: {
    active: {
      description: 'Images may be pulled with it.',
      tags: 'settled',
      meta: { status: 'active' },
      on: {
        'registry.update': { actions: 'recordChanges' },
        'registry.delete': { target: 'deleted' },
      },
    },
    deleted: {
      description: 'Nothing is pulled with it any more.',
      type: 'final',
      tags: 'settled',
      meta: { status: 'deleted' },
    },
  },
});

export const registryChart: Chart = {
  kind: 'registry',
  version: 1,
  machine: registryMachine,
  project: (paths) => ({
    status: metaOf(registryMachine, paths).status ?? 'active',
    taskState: null,
    reason: null,
  }),
  describe: describeBy('registry', {}),
  commands: [{ type: 'registry.delete' }],
  migrations: {},
};
