/** What the chart’s guards and actions are about, and the actions of XState that they are made of. */
import { setup } from 'xstate';
import type { Restored, Undeliverable } from '../../../model/delivery.ts';
import type {
  ContainerCommand,
  ContainerFact,
  ContainerInput,
  ContainerMessage,
  Emitted,
} from '../../../model/events.ts';
import type { ContainerContext } from '../context.ts';

export type Message = Extract<Emitted, { type: 'message' }>;

export type ContainerEvent = ContainerCommand | ContainerFact | ContainerMessage | Undeliverable | Restored;

export type Guards = Readonly<
  Record<string, (heard: { readonly context: ContainerContext; readonly event: ContainerEvent }) => boolean>
>;

export const containerTypes = {
  input: {} as ContainerInput,
  context: {} as ContainerContext,
  events: {} as ContainerEvent,
  emitted: {} as Emitted,
  tags: {} as 'transient' | 'settled' | 'active',
  meta: {} as {
    readonly status?: string;
    readonly taskState?: string | null;
    readonly acquires?: string;
    readonly releases?: string;
  },
};

/** XState's own, for these types; one that is given params is said so where it stands. */
export const { assign, emit, enqueueActions } = setup({ types: containerTypes });
