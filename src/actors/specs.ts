/**
 * Specs are documents of their own, immutable per generation: snapshots,
 * journals and invoke inputs carry ids only. Environment values are sealed
 * with the site's key wherever the document rests.
 */
import { createHash } from 'node:crypto';
import type { Address } from '../model/address.ts';
import type { ContainerSpec } from '../model/container.ts';
import { namedUuid } from '../model/named-uuid.ts';

/** Encryption at rest, built by `main/` from the site's key. */
export interface Sealer {
  seal(text: string): string;
  /** @throws Error when the text was sealed with another key or altered */
  open(sealed: string): string;
}

interface SpecDocument {
  readonly spec: Omit<ContainerSpec, 'environment'>;
  /** Sealed JSON of the environment. */
  readonly environment: string;
  /** SHA-256 of the request's body, for repeats by idempotency key. */
  readonly digest: string;
}

export interface Specs {
  /** Remembers a new generation's spec and gives the document to commit with it. */
  put(address: Address, generation: number, spec: ContainerSpec, digest: string): string;
  /** Takes in a stored document. Throws when it can't be opened. */
  load(address: Address, generation: number, document: string): void;
  /** @throws RangeError when the actor's spec was never put or loaded */
  get(address: Address): ContainerSpec;
  digest(address: Address): string | null;
  /** The document as stored, for a store that lost it. */
  document(address: Address): { readonly generation: number; readonly body: string } | null;
  forget(address: Address): void;
}

export function createSpecs(sealer: Sealer): Specs {
  const known = new Map<Address, { generation: number; spec: ContainerSpec; digest: string }>();

  const write = (spec: ContainerSpec, digest: string): string => {
    const { environment, ...rest } = spec;
    return JSON.stringify({
      spec: rest,
      environment: sealer.seal(JSON.stringify(environment)),
      digest,
    } satisfies SpecDocument);
  };

  return {
    put(address, generation, spec, digest) {
      known.set(address, { generation, spec, digest });
      return write(spec, digest);
    },
    load(address, generation, document) {
      const { spec, environment, digest } = JSON.parse(document) as SpecDocument;
      known.set(address, {
        generation,
        digest,
        spec: { ...spec, environment: JSON.parse(sealer.open(environment)) },
      });
    },
    get(address) {
      const found = known.get(address);
      if (!found) throw new RangeError(`No spec is known of "${address}"`);
      return found.spec;
    },
    digest: (address) => known.get(address)?.digest ?? null,
    document(address) {
      const found = known.get(address);
      return found ? { generation: found.generation, body: write(found.spec, found.digest) } : null;
    },
    forget: (address) => void known.delete(address),
  };
}

/** Same spec and same wish to run = same digest, whatever the order of keys. */
export function specDigest(spec: ContainerSpec, run: boolean): string {
  return createHash('sha256').update(stable({ spec, run })).digest('hex');
}

/** The container's id under an idempotency key of a project, so that a repeat finds it. */
export const idempotentId = (projectId: string, key: string): string => namedUuid(`${projectId}:${key}`);

function stable(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
