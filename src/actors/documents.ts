/**
 * What belongs to an actor and is no part of its snapshot: documents of their
 * own, immutable per generation, written in the turn that makes or changes
 * them. What is secret in one is sealed with the site's key wherever it rests.
 */
import type { Address } from '../model/address.ts';
import type { Revision } from './turn.ts';

/** Encryption at rest, built by `main/` from the site's key. */
export interface Sealer {
  seal(text: string): string;
  /** @throws Error when the text was sealed with another key or altered */
  open(sealed: string): string;
}

/** How a document is written, and read again. */
export interface Codec<T> {
  write(body: T): object;
  /** What was written by this release or an earlier one. Throws when it can't be opened. */
  read(stored: Readonly<Record<string, unknown>>): T;
}

export interface Documents<T> {
  /** Remembers a new generation's body and gives the document to commit with it. */
  put(address: Address, generation: number, body: T, digest: string): string;
  /** Takes in a stored document. Throws when it can't be opened. */
  load(address: Address, generation: number, document: string): void;
  /** @throws RangeError when the actor's document was never put or loaded */
  get(address: Address): T;
  find(address: Address): T | null;
  digest(address: Address): string | null;
  /** The document as stored, for a store that lost it. */
  document(address: Address): { readonly generation: number; readonly body: string } | null;
  /** The next body, after all that were revised before it; it counts once it is settled. */
  revise(
    address: Address,
    generation: number,
    change: (body: T) => T,
  ): { readonly generation: number; readonly body: string };
  /** The document of this generation is durable. */
  settle(address: Address, generation: number): void;
  /** What was revised and is not settled never will be. */
  drop(address: Address): void;
  forget(address: Address): void;
}

interface Known<T> {
  readonly generation: number;
  readonly body: T;
  /** SHA-256 of the request's body, for repeats by idempotency key. */
  readonly digest: string;
  /** As it was written last, until somebody has asked for it: as a rule its host's keepsake, soon after, and nobody again. */
  written: string | null;
}

export function createDocuments<T>(codec: Codec<T>): Documents<T> {
  const known = new Map<Address, Known<T>>();
  /** On their way to the store, oldest first. */
  const drafts = new Map<Address, Known<T>[]>();

  const write = (body: T, digest: string): string => JSON.stringify({ ...codec.write(body), digest });

  return {
    put(address, generation, body, digest) {
      const written = write(body, digest);
      known.set(address, { generation, body, digest, written });
      return written;
    },
    load(address, generation, document) {
      const { digest, ...stored } = JSON.parse(document) as { digest: string };
      known.set(address, { generation, digest, body: codec.read(stored), written: null });
    },
    get(address) {
      const found = known.get(address);
      if (!found) throw new RangeError(`No document is known of "${address}"`);
      return found.body;
    },
    find: (address) => known.get(address)?.body ?? null,
    digest: (address) => known.get(address)?.digest ?? null,
    document(address) {
      const found = known.get(address);
      if (!found) return null;
      const { generation, body, digest, written } = found;
      found.written = null;
      return { generation, body: written ?? write(body, digest) };
    },
    revise(address, generation, change) {
      const mine = drafts.get(address) ?? [];
      const last = mine.at(-1) ?? known.get(address);
      if (!last) throw new RangeError(`No document is known of "${address}"`);
      const body = change(last.body);
      const written = write(body, last.digest);
      drafts.set(address, [...mine, { generation, body, digest: last.digest, written }]);
      return { generation, body: written };
    },
    settle(address, generation) {
      const mine = drafts.get(address) ?? [];
      const settled = mine.find((draft) => draft.generation === generation);
      if (!settled) return;
      known.set(address, settled);
      const left = mine.filter((draft) => draft.generation > generation);
      if (left.length > 0) drafts.set(address, left);
      else drafts.delete(address);
    },
    drop: (address) => void drafts.delete(address),
    forget(address) {
      known.delete(address);
      drafts.delete(address);
    },
  };
}

/** Those of all kinds of actors, for who need not know what is in them. */
export type ActorDocuments = Pick<Documents<never>, 'load' | 'document' | 'settle' | 'drop'> & {
  revise(
    address: Address,
    generation: number,
    change: Revision,
  ): { readonly generation: number; readonly body: string };
};

/** @param of where those of an actor are kept, by its kind */
export function actorDocuments(of: (address: Address) => unknown): ActorDocuments {
  const kept = of as (address: Address) => Documents<unknown>;
  return {
    load: (address, generation, document) => kept(address).load(address, generation, document),
    document: (address) => kept(address).document(address),
    revise: (address, generation, change) =>
      kept(address).revise(address, generation, change as (body: unknown) => unknown),
    settle: (address, generation) => kept(address).settle(address, generation),
    drop: (address) => kept(address).drop(address),
  };
}
