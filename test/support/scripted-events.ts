/** What the actors would answer to the link, as a test tells them to. */
import { TroupeError, toFailure } from '../../src/errors/errors.ts';
import type { HostLinkEvents } from '../../src/link/host-links.ts';
import type { AgentFact, InventoryItem, InventoryResult, UpRecord } from '../../src/link/protocol.ts';
import type { Failure } from '../../src/model/failure.ts';
import type { Fingerprint } from '../../src/model/host.ts';

export interface ScriptedEvents extends HostLinkEvents {
  readonly joinTokens: Set<string>;
  readonly credentials: Map<string, string>;
  worldId: string;
  epoch: number;
  readonly told: { hostId: string; sequence: number; record: UpRecord }[];
  readonly results: Extract<UpRecord, { kind: 'result' }>[];
  readonly facts: AgentFact[];
  readonly log: string[];
  readonly fingerprints: Fingerprint[];
  readonly inventories: { items: readonly InventoryItem[]; images: readonly string[] }[];
  readonly imageLists: (readonly string[])[];
  readonly refusals: { opId: string; failure: Failure }[];
  /** Asked for at the next inventories. */
  remove: InventoryResult['remove'];
  /** What an actor does once a result's turn is durable: it wants the operation no more. */
  ended: (hostId: string, opId: string) => void;
  /** Instead of being durable at once. */
  keep: ((record: UpRecord, sequence: number) => Promise<void>) | null;
}

export function createScriptedEvents(): ScriptedEvents {
  let hosts = 0;
  const fatal = (message: string): TroupeError =>
    new TroupeError('LINK_REFUSED', message, { details: { fatal: true } });
  const events: ScriptedEvents = {
    joinTokens: new Set(['join']),
    credentials: new Map(),
    worldId: 'world-1',
    epoch: 1,
    told: [],
    results: [],
    facts: [],
    log: [],
    fingerprints: [],
    inventories: [],
    imageLists: [],
    refusals: [],
    remove: [],
    keep: null,
    ended: () => {},
    async enrol(joinToken) {
      if (!events.joinTokens.delete(joinToken)) throw fatal('The join token is unknown, used or expired');
      hosts += 1;
      events.credentials.set(`host-${hosts}`, `secret-${hosts}`);
      return { hostId: `host-${hosts}`, credential: `secret-${hosts}` };
    },
    async authenticate(hostId, credential) {
      if (events.credentials.get(hostId) !== credential) throw fatal('The credential is wrong');
    },
    async world(agentEpoch) {
      events.epoch = Math.max(events.epoch, agentEpoch > events.epoch ? agentEpoch + 1 : 0);
      return { worldId: events.worldId, epoch: events.epoch };
    },
    async connected(hostId, _, fingerprint) {
      events.log.push(`connected ${hostId}`);
      events.fingerprints.push(fingerprint);
    },
    async inventory(hostId, _, items, images) {
      events.log.push(`inventory ${hostId}`);
      events.inventories.push({ items, images });
      return { remove: events.remove };
    },
    async synced(hostId) {
      events.log.push(`synced ${hostId}`);
    },
    async record(hostId, sequence, record) {
      // Not before it is kept, as an actor would have it.
      await events.keep?.(record, sequence);
      events.told.push({ hostId, sequence, record });
      if (record.kind === 'fact') return void events.facts.push(record.fact);
      events.results.push(record);
      events.ended(hostId, record.opId);
    },
    refused: (_, opId, failure) => void events.refusals.push({ opId, failure: toFailure(failure) }),
    images: (_, images) => void events.imageLists.push(images),
    async closed(hostId, _, reason) {
      events.log.push(`closed ${hostId}: ${reason}`);
    },
  };
  return events;
}
