/** Where an actor is, what it waits for and what would move it: as the control plane answers, and the API tells it. */
import type { ActorKind, Address } from './address.ts';
import type { Failure } from './failure.ts';
import type { Operation } from './journal.ts';

/** Where an actor is and what would move it. */
export interface Lifecycle {
  readonly address: Address;
  readonly kind: ActorKind;
  readonly chartVersion: number;
  readonly revision: number;
  readonly statePaths: readonly string[];
  readonly status: string;
  readonly taskState: string | null;
  readonly reason: string | null;
  /** Epoch ms. */
  readonly since: number;
  readonly waitingFor: readonly WaitingFor[];
  /** What a restart policy does next; null while it does nothing. */
  readonly nextRestart: NextRestart | null;
  readonly lastError: Failure | null;
  /** Every command of its chart, whoever may send it. */
  readonly allowedEvents: readonly AllowedEvent[];
  /** Of a container: what may be asked of it that moves nothing, e.g. `container.execute`. */
  readonly services: readonly PermittedService[];
  /** Actors that it is bound to and that are there: its host, its sandbox, networks, volumes, containers. */
  readonly related: readonly RelatedActor[];
  /** Set when the supervisor gave up: why, and the event that broke it. */
  readonly quarantined: { readonly reason: string; readonly event: string | null } | null;
}

export interface RelatedActor {
  readonly address: Address;
  /** What people call it; null when nobody gave it a name. */
  readonly name: string | null;
  readonly status: string;
  /** Why it is so, in words: what it waits for may be what holds up this one. */
  readonly reason: string | null;
}

export interface NextRestart {
  /** Epoch ms. */
  readonly at: number;
  /** From 1, since it last ran well. */
  readonly attempt: number;
  /** Null = without limit. */
  readonly attemptsMost: number | null;
  /** In words. */
  readonly reason: string | null;
}

export interface WaitingFor extends Operation {
  readonly invokeId: string;
  /** Epoch ms, for deadlines; null for effects. */
  readonly deadlineAt: number | null;
  /** In words, e.g. "the container engine on host h1 to create it". */
  readonly description: string;
  /** Bytes of an image that are on their way; null where none are. */
  readonly progress: Progress | null;
}

/** How far an operation has come with its bytes. */
export interface Progress {
  readonly doneBytes: number;
  /** Null while it is not known. */
  readonly totalBytes: number | null;
}

export interface AllowedEvent {
  readonly type: string;
  /** The command's other fields as tried out, e.g. `mode` of a delete. */
  readonly [field: string]: unknown;
  /** What the chart answers now. */
  readonly answer: 'accepted' | 'queued' | 'refused';
  readonly reason: string | null;
  /** State paths it would lead to. */
  readonly to: readonly string[];
  /** What would be set off there. */
  readonly starts: readonly StartedEffect[];
}

/** What changes nothing, and is permitted by the state all the same. */
export type PermittedService = Pick<AllowedEvent, 'type' | 'answer' | 'reason'>;

/** An effect or deadline that an event would set off. */
export interface StartedEffect {
  readonly invokeId: string;
  readonly src: string;
  /** What would then be waited for, in words. */
  readonly description: string;
}

/** With who may send it, or ask for it. */
export type Offered<T> = T & { readonly roles: readonly string[] };

/** As the API tells it: with what the caller may do of what the chart allows. */
export interface OfferedLifecycle extends Omit<Lifecycle, 'allowedEvents' | 'services'> {
  readonly allowedEvents: readonly Offered<AllowedEvent>[];
  readonly services: readonly Offered<PermittedService>[];
}

/** An event as it is sent: without what is only said of it. */
export interface Command {
  readonly type: string;
  readonly [field: string]: unknown;
}

const saidOfIt: ReadonlySet<string> = new Set(['answer', 'reason', 'to', 'starts', 'roles']);

export const commandOf = ({ type, ...fields }: AllowedEvent): Command => ({
  type,
  ...Object.fromEntries(Object.entries(fields).filter(([field]) => !saidOfIt.has(field))),
});
