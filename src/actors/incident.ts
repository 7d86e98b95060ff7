/**
 * What led to what, across actors: a tree of turns, from the causes that
 * journals keep. No index is kept for it: the shards' streams say who moved
 * since it began, their journals say why.
 */
import { parseAddress, type Address, type Shard } from '../model/address.ts';
import type { JournalRecord, StreamRecord } from '../model/journal.ts';
import type { Incident, IncidentQuery, IncidentStep } from '../model/incident.ts';
import type { Store } from './stores/store.ts';

export interface IncidentWorld {
  readonly store: Pick<Store, 'journal' | 'stream' | 'position' | 'shards'>;
  /** What people call an actor; null when it is gone, or has no name. */
  readonly label: (address: Address) => string | null;
}

/** Steps from a turn up to what began it all. */
const climbMost = 100;
/** Turns of one incident. */
const stepsMost = 1_000;
/** Records of each shard that are looked at, and at once. */
const scannedMost = 20_000;
const pageRecords = 1_000;
/** Of an actor's journal. */
const journalMost = 10_000;
/** Clocks may have been set back by so much since it began, ms. */
const clockMs = 1_000;

type Place = `${Address}@${number}`;

interface Turn {
  readonly address: Address;
  readonly record: JournalRecord;
}

const placeOf = (address: string, revision: number): Place => `${address as Address}@${revision}`;

/** @returns null when nothing that is kept tells of it */
export async function findIncident(
  { store, label }: IncidentWorld,
  query: IncidentQuery,
): Promise<Incident | null> {
  const origin = 'requestId' in query ? null : await climb(store, query.address, query.moment);
  if (!('requestId' in query) && !origin) return null;
  const requestId = 'requestId' in query ? query.requestId : requestOf(origin!.root.record);
  const shards = await shardsOf(store, query.tenant, origin?.root.address ?? null);
  const since = origin ? origin.root.record.at - clockMs : null;
  const { places, isCut } = await movedSince(store, shards, since, requestId);
  const turns = await turnsAt(store, places);
  if (turns.size === 0) return null;

  const led = new Map<Place, Turn[]>();
  const begun = startsIn(turns.values());
  const roots: Turn[] = [];
  for (const turn of turns.values()) {
    const parent = parentOf(turn, begun);
    if (parent !== null && turns.has(parent)) led.set(parent, [...(led.get(parent) ?? []), turn]);
    else if (requestId !== null) roots.push(turn);
  }
  if (requestId === null) roots.push(origin!.root);

  const asked = origin ? placeOf(origin.asked.address, origin.asked.record.revision) : null;
  const steps: IncidentStep[] = [];
  const queue: { readonly turn: Turn; readonly by: number | null }[] = roots
    .toSorted(byTime)
    .map((turn) => ({ turn, by: null }));
  for (const { turn, by } of queue) {
    if (steps.length === stepsMost) break;
    const place = placeOf(turn.address, turn.record.revision);
    for (const next of (led.get(place) ?? []).toSorted(byTime)) queue.push({ turn: next, by: steps.length });
    steps.push(stepOf(turn, by, place === asked, label));
  }
  return { requestId, steps, isCut: isCut || queue.length > steps.length };
}

const byTime = (a: Turn, b: Turn): number =>
  a.record.at - b.record.at || a.record.revision - b.record.revision || (a.address < b.address ? -1 : 1);

function stepOf(
  { address, record }: Turn,
  by: number | null,
  isAsked: boolean,
  label: IncidentWorld['label'],
): IncidentStep {
  const { revision, at, event, cause, from, to, refused } = record;
  return { by, address, name: label(address), revision, at, event, cause, from, to, refused, isAsked };
}

const requestOf = ({ cause }: JournalRecord): string | null =>
  'requestId' in cause ? cause.requestId : null;

/** From a turn of an actor to the one that began it all. */
async function climb(
  store: IncidentWorld['store'],
  address: Address,
  moment: { readonly revision: number } | { readonly at: number } | null,
): Promise<{ readonly asked: Turn; readonly root: Turn } | null> {
  const journals = new Map<Address, readonly JournalRecord[]>();
  const journalOf = async (of: Address): Promise<readonly JournalRecord[]> => {
    let journal = journals.get(of);
    if (!journal) journals.set(of, (journal = await store.journal(of, { after: 0, limit: journalMost })));
    return journal;
  };
  const own = await journalOf(address);
  const first = own.findLast((each) => {
    if (moment === null) return true;
    return 'revision' in moment ? each.revision === moment.revision : each.at <= moment.at;
  });
  if (!first) return null;
  const asked: Turn = { address, record: first };
  let root = asked;
  for (let step = 0; step < climbMost; step += 1) {
    const { cause } = root.record;
    let above: Turn | null = null;
    if (cause.kind === 'actor') {
      const of = cause.address as Address;
      const record = (await journalOf(of)).find(({ revision }) => revision === cause.revision);
      above = record ? { address: of, record } : null;
    } else if (cause.kind === 'operation') {
      const record = (await journalOf(root.address)).find(({ started }) =>
        started.some(({ opId }) => opId === cause.opId),
      );
      above = record ? { address: root.address, record } : null;
    }
    if (!above) break;
    root = above;
  }
  return { asked, root };
}

/** Where what follows can be: a host has containers of all tenants, what a tenant owns touches hosts and itself. */
async function shardsOf(
  store: IncidentWorld['store'],
  tenant: string | null,
  root: Address | null,
): Promise<readonly Shard[]> {
  const owner = tenant ?? (root === null ? null : parseAddress(root).tenant);
  return owner === null ? store.shards() : [`t:${owner}`, 'hosts'];
}

interface Moved {
  /** Revisions by actor. */
  readonly places: ReadonlyMap<Address, ReadonlySet<number>>;
  readonly isCut: boolean;
}

/** Who moved on behalf of a request (null = of none); since a moment, or of late. */
async function movedSince(
  store: IncidentWorld['store'],
  shards: readonly Shard[],
  since: number | null,
  requestId: string | null,
): Promise<Moved> {
  const places = new Map<Address, Set<number>>();
  let isCut = false;
  for (const shard of shards) {
    const end = await store.position(shard);
    let after = since === null ? Math.max(0, end - scannedMost) : await positionAt(store, shard, since, end);
    const last = Math.min(end, after + scannedMost);
    isCut ||= last < end;
    while (after < last) {
      const page = await store.stream(shard, after, Math.min(pageRecords, last - after));
      if (page.kind === 'expired') after = page.oldest - 1;
      else if (page.entries.length === 0) break;
      else {
        for (const { record } of page.entries.filter((each) => each.record.requestId === requestId))
          add(places, record);
        after = page.entries.at(-1)!.position;
      }
    }
  }
  return { places, isCut };
}

function add(places: Map<Address, Set<number>>, { address, revision }: StreamRecord): void {
  const known = places.get(address as Address);
  if (known) known.add(revision);
  else places.set(address as Address, new Set([revision]));
}

/** The position before the first record that is not before `at`. */
async function positionAt(
  store: IncidentWorld['store'],
  shard: Shard,
  at: number,
  end: number,
): Promise<number> {
  let [low, high] = [0, end];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const page = await store.stream(shard, middle, 1);
    if (page.kind === 'expired') low = Math.max(middle + 1, page.oldest - 1);
    else if ((page.entries[0]?.record.at ?? Infinity) >= at) high = middle;
    else low = middle + 1;
  }
  return Math.min(low, end);
}

async function turnsAt(
  store: IncidentWorld['store'],
  places: Moved['places'],
): Promise<ReadonlyMap<Place, Turn>> {
  const turns = new Map<Place, Turn>();
  for (const [address, revisions] of places) {
    const range = { after: Math.min(...revisions) - 1, limit: journalMost };
    for (const record of await store.journal(address, range))
      if (revisions.has(record.revision)) turns.set(placeOf(address, record.revision), { address, record });
  }
  return turns;
}

/** By operation: the turn that started it. */
function startsIn(turns: Iterable<Turn>): ReadonlyMap<string, Place> {
  const starts = new Map<string, Place>();
  for (const { address, record } of turns)
    for (const { opId } of record.started) starts.set(opId, placeOf(address, record.revision));
  return starts;
}

function parentOf({ record: { cause } }: Turn, starts: ReadonlyMap<string, Place>): Place | null {
  if (cause.kind === 'actor') return placeOf(cause.address, cause.revision);
  return cause.kind === 'operation' ? (starts.get(cause.opId) ?? null) : null;
}
