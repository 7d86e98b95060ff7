/**
 * What would follow from events: decided by the charts on copies of what is
 * committed. Nothing is written, no message leaves, no effect starts; messages
 * go to copies of their receivers, and effects are taken to go well, as far as
 * that can be told without doing them.
 */
import type { HostContext } from '../machines/host/context.ts';
import { hostAddress, kindOf, parseAddress, type ActorKind, type Address } from '../model/address.ts';
import type { Neighbours } from '../model/placement.ts';
import { assumedResult } from './assumed-results.ts';
import type { Cell } from './cell.ts';
import { answerOf, type Decider, type Decision, type Invoke } from './decide.ts';
import { residentsOf } from './effects/find-residents.ts';
import type { WhatIf, WhatIfActor, WhatIfEvent, WhatIfOptions, WhatIfStep } from '../model/what-if.ts';
import { startedEffect, startsOf } from './lifecycle.ts';
import { forJournal } from './stage.ts';
import type { TurnEvent } from './turn.ts';

export interface WhatIfWorld {
  readonly deciders: Readonly<Record<ActorKind, Decider>>;
  readonly cell: (address: Address) => Cell | undefined;
  readonly placedOn: (hostId: string) => Iterable<Cell>;
  readonly cellsOf: (kind: ActorKind) => ReadonlyMap<Address, Cell>;
  readonly hasEnded: (address: Address) => boolean;
  readonly label: (address: Address) => string | null;
  /** Epoch ms. */
  readonly now: () => number;
}

/** Turns that are tried out for one question, together. */
const stepsMost = 2_000;

interface Copy {
  readonly address: Address;
  /** Null for one that would begin. */
  readonly cell: Cell | null;
  readonly before: readonly string[];
  snapshot: Decision['snapshot'];
  /** What would run of it, by invoke id; `since`: the step that set it off. */
  readonly running: Map<string, { readonly invoke: Invoke; readonly since: number }>;
  hasMoved: boolean;
}

interface Pending {
  readonly by: number | null;
  readonly kind: WhatIfStep['kind'];
  readonly to: Address;
  readonly event: TurnEvent;
  /** The receiver's input, should it not exist yet. */
  readonly begin?: unknown;
  /** Whose message it is, and whose it was when it came back. */
  readonly from: Address | null;
  /** Of an effect: it may have ended meanwhile. */
  readonly since?: number;
}

export function whatIf(
  world: WhatIfWorld,
  asked: readonly WhatIfEvent[],
  { deadlines, effects }: WhatIfOptions,
): WhatIf {
  const copies = new Map<Address, Copy>();
  const steps: WhatIfStep[] = [];
  const queue: Pending[] = asked.map(({ address, event }) => ({
    by: null,
    kind: 'asked',
    to: address,
    event: factOf(world, address, event),
    from: null,
  }));
  /** Each is let pass once, so that what is tried again and again comes to an end. */
  const passed = new Set<string>();

  const deciderOf = (address: Address): Decider => world.deciders[kindOf(address)];

  const copyOf = ({ by, kind, to, begin }: Pending): Copy | null => {
    const known = copies.get(to);
    if (known) return known.snapshot.status === 'done' ? null : known;
    const cell = world.cell(to);
    const state = cell?.committed;
    const decision = state || begin === undefined || world.hasEnded(to) ? null : deciderOf(to).initial(begin);
    if (!state && !decision) return null;
    if (state && state.record.endedAt !== null) return null;
    const copy: Copy = {
      address: to,
      cell: cell ?? null,
      before: state?.paths ?? [],
      snapshot: decision?.snapshot ?? state!.snapshot,
      running: new Map(),
      hasMoved: decision !== null,
    };
    copies.set(to, copy);
    if (decision) take(copy, decision, { by, kind, to, event: { type: 'actor.created' }, from: null }, []);
    return copy;
  };

  /** What a decision leads to: messages, and the ends of what it sets off. */
  const take = (
    copy: Copy,
    decision: Decision,
    { by, kind, to, event }: Pending,
    from: readonly string[],
  ): void => {
    const decider = deciderOf(to);
    copy.snapshot = decision.snapshot;
    copy.hasMoved ||= decision.changed;
    const index = steps.length;
    steps.push({
      by,
      kind,
      address: to,
      // What an assumed result says is made up.
      event: kind === 'effect' ? { type: event.type } : forJournal(event),
      ...answerOf(decision),
      from,
      to: decider.paths(decision.snapshot),
      starts: startsOf(decider, decision),
    });
    for (const id of copy.running.keys()) if (!decision.active.has(id)) copy.running.delete(id);
    for (const invoke of decision.started) copy.running.set(invoke.id, { invoke, since: index });
    for (const emitted of decision.emitted) {
      if (emitted.type !== 'message') continue;
      queue.push({
        by: index,
        kind: 'message',
        to: emitted.to,
        event: emitted.event,
        from: to,
        ...(emitted.begin !== undefined && { begin: emitted.begin }),
      });
    }
    if (effects === 'succeed') for (const invoke of decision.started) end(copy, invoke, index);
  };

  /** A host that is not heard does nothing; what the control plane does by itself needs none. */
  const isHeard = ({ input }: Invoke): boolean => {
    const { hostId } = (input ?? {}) as { readonly hostId?: string };
    if (hostId === undefined) return true;
    const address = hostAddress(hostId);
    const paths = copies.has(address)
      ? deciderOf(address).paths(copies.get(address)!.snapshot)
      : world.cell(address)?.committed?.paths;
    return paths?.includes('link.online') ?? false;
  };

  /** Undefined for what can't be told without doing it. */
  const outputOf = (copy: Copy, invoke: Invoke, told: readonly unknown[] | null): unknown => {
    if (told) return { told: told.length };
    if (invoke.src === 'findResidents')
      return { residents: residentsOf(world.placedOn(parseAddress(copy.address).id), world.label) };
    if (!isHeard(invoke)) return undefined;
    return assumedResult(invoke, copy.snapshot.context, world.now() + steps.length);
  };

  const end = (copy: Copy, invoke: Invoke, since: number): void => {
    const { address } = copy;
    const told = toldBy(world, address, invoke);
    const output = outputOf(copy, invoke, told);
    for (const { to, event } of told ?? [])
      queue.push({ by: since, kind: 'message', to, event, from: address });
    if (output === undefined) return;
    queue.push({ by: since, kind: 'effect', to: address, event: doneOf(invoke, output), from: null, since });
  };

  const bounce = ({ by, from, to, event }: Pending): void => {
    if (from === null || event.type === 'message.undeliverable') return;
    const gone = world.hasEnded(to) || copies.get(to)?.snapshot.status === 'done';
    queue.push({
      by,
      kind: 'message',
      to: from,
      event: { type: 'message.undeliverable', to, gone, message: event },
      from: null,
    });
  };

  const refuse = ({ by, kind, to, event }: Pending, reason: string): void => {
    const paths = world.cell(to)?.committed?.paths ?? [];
    const told = { event: forJournal(event), answer: 'refused', reason } as const;
    steps.push({ by, kind, address: to, ...told, from: paths, to: paths, starts: [] });
  };

  const step = (pending: Pending): void => {
    const quarantined = world.cell(pending.to)?.quarantined;
    if (quarantined) return refuse(pending, `It is quarantined: ${quarantined.reason}`);
    const copy = copyOf(pending);
    if (!copy) return bounce(pending);
    const { since, event } = pending;
    if (since !== undefined && ![...copy.running.values()].some((each) => isOf(each, event, since))) return;
    const from = deciderOf(copy.address).paths(copy.snapshot);
    let decision: Decision;
    try {
      decision = deciderOf(copy.address).next(copy.snapshot, event);
    } catch (error) {
      return refuse(
        pending,
        `Its chart would break: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    // What takes note and no more is no step of the way.
    if (pending.kind !== 'asked' && !decision.changed && decision.emitted.length === 0) return;
    take(copy, decision, pending, from);
  };

  /** The first deadline that would come, of those that the steps have set off. */
  const passNext = (): boolean => {
    const due = [...copies.values()]
      .flatMap((copy) => [...copy.running.values()].map((each) => ({ copy, ...each })))
      .filter(({ copy, invoke }) => invoke.src === 'deadline' && !passed.has(`${copy.address} ${invoke.id}`))
      .toSorted((a, b) => a.since - b.since || msOf(a.invoke) - msOf(b.invoke))[0];
    if (!due) return false;
    const { copy, invoke, since } = due;
    passed.add(`${copy.address} ${invoke.id}`);
    const event = doneOf(invoke, { at: world.now() + msOf(invoke) });
    queue.push({ by: since, kind: 'deadline', to: copy.address, event, from: null, since });
    return true;
  };

  while (steps.length < stepsMost && (queue.length > 0 || (deadlines === 'pass' && passNext())))
    step(queue.shift()!);

  return {
    steps,
    actors: [...copies.values()].filter(({ hasMoved }) => hasMoved).map((copy) => actorOf(world, copy)),
    isCut: queue.length > 0,
  };
}

const msOf = ({ input }: Invoke): number => (input as { readonly ms: number }).ms;

const doneOf = ({ id }: Invoke, output: unknown): TurnEvent => ({
  type: `xstate.done.actor.${id}`,
  actorId: id,
  output,
});

const isOf = (
  running: { readonly invoke: Invoke; readonly since: number },
  event: TurnEvent,
  since: number,
): boolean => running.since === since && running.invoke.id === event['actorId'];

function actorOf({ deciders, label }: WhatIfWorld, copy: Copy): WhatIfActor {
  const { address, cell, before, snapshot, running } = copy;
  const decider = deciders[kindOf(address)];
  const projection = cell?.committed?.projection ?? null;
  return {
    address,
    name: label(address),
    from: before,
    to: decider.paths(snapshot),
    statusBefore: projection?.status ?? null,
    status: decider.project(snapshot).status,
    reason: decider.project(snapshot).reason,
    begins: cell === null,
    ends: snapshot.status === 'done',
    waitsFor: [...running.values()].map(({ invoke }) => startedEffect(decider, invoke, snapshot.context)),
  };
}

/** Whom an effect of the control plane itself would tell what; null for an effect that tells nobody. */
function toldBy(
  world: WhatIfWorld,
  address: Address,
  { src, input }: Invoke,
): readonly { readonly to: Address; readonly event: TurnEvent }[] | null {
  const { id } = parseAddress(address);
  if (src === 'tellContainers' || src === 'dismissHost')
    return [...world.placedOn(id)].map((cell) => ({
      to: cell.address,
      event: { type: src === 'dismissHost' ? 'host.removed' : 'host.lost', hostId: id },
    }));
  if (src !== 'tellHosts') return null;
  const { neighbours } = input as { readonly neighbours: Neighbours };
  return [...world.cellsOf('host').values()]
    .filter(
      ({ committed }) => committed && Object.hasOwn((committed.record.context as HostContext).tenants, id),
    )
    .map((cell) => ({ to: cell.address, event: { type: 'tenant.isolated', tenant: id, neighbours } }));
}

/** The one fact that may be tried out: a host's link is lost. The session is the one that it has. */
function factOf({ cell }: WhatIfWorld, address: Address, event: TurnEvent): TurnEvent {
  if (event.type !== 'link.closed') return event;
  const { session } = (cell(address)?.committed?.record.context ?? { session: null }) as Pick<
    HostContext,
    'session'
  >;
  return { type: 'link.closed', session, reason: 'tried out' };
}
