/**
 * Specs are documents of their own, immutable per generation: snapshots,
 * journals and invoke inputs carry ids only. Environment values are sealed
 * with the site's key wherever the document rests.
 */
import { createHash } from 'node:crypto';
import type { Address } from '../model/address.ts';
import type { ContainerSpec } from '../model/container.ts';
import type { HealthCheck } from '../model/health.ts';
import { namedUuid } from '../model/named-uuid.ts';

/** Encryption at rest, built by `main/` from the site's key. */
export interface Sealer {
  seal(text: string): string;
  /** @throws Error when the text was sealed with another key or altered */
  open(sealed: string): string;
}

type Secrets = Pick<ContainerSpec, 'environment' | 'files'>;

/** What specs written by earlier releases lack: they knew no networks, volumes or files. */
const added = { networks: [], published: [], mounts: [], files: [] } as const;

/** Earlier releases knew commands only. */
type EarlierCheck = Pick<HealthCheck, 'intervalSeconds' | 'timeoutSeconds' | 'retries'> & {
  readonly test: string;
};

function checkOf(stored: HealthCheck | EarlierCheck | null): HealthCheck | null {
  if (!stored || 'probe' in stored) return stored;
  const { test, ...timing } = stored;
  return { probe: { type: 'exec', test }, ...timing, startPeriodSeconds: 0, successThreshold: 1 };
}

interface SpecDocument {
  readonly spec: Omit<ContainerSpec, keyof Secrets>;
  /** Sealed JSON of the {@link Secrets}. */
  readonly secrets?: string;
  /** Of earlier releases: sealed JSON of the environment alone. */
  readonly environment?: string;
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
  find(address: Address): ContainerSpec | null;
  digest(address: Address): string | null;
  /** The document as stored, for a store that lost it. */
  document(address: Address): { readonly generation: number; readonly body: string } | null;
  /** The next spec, after all that were revised before it; it counts once it is settled. */
  revise(
    address: Address,
    generation: number,
    change: (spec: ContainerSpec) => ContainerSpec,
  ): { readonly generation: number; readonly body: string };
  /** The spec of this generation is durable. */
  settle(address: Address, generation: number): void;
  /** What was revised and is not settled never will be. */
  drop(address: Address): void;
  forget(address: Address): void;
}

interface Known {
  readonly generation: number;
  readonly spec: ContainerSpec;
  readonly digest: string;
}

export function createSpecs(sealer: Sealer): Specs {
  const known = new Map<Address, Known>();
  /** On their way to the store, oldest first. */
  const drafts = new Map<Address, Known[]>();

  const write = (spec: ContainerSpec, digest: string): string => {
    const { environment, files, ...rest } = spec;
    return JSON.stringify({
      spec: rest,
      secrets: sealer.seal(JSON.stringify({ environment, files } satisfies Secrets)),
      digest,
    } satisfies SpecDocument);
  };

  return {
    put(address, generation, spec, digest) {
      known.set(address, { generation, spec, digest });
      return write(spec, digest);
    },
    load(address, generation, document) {
      const { spec, secrets, environment, digest } = JSON.parse(document) as SpecDocument;
      const opened: Partial<Secrets> =
        environment === undefined
          ? JSON.parse(sealer.open(secrets ?? ''))
          : { environment: JSON.parse(sealer.open(environment)) };
      known.set(address, {
        generation,
        digest,
        spec: { ...added, ...spec, healthcheck: checkOf(spec.healthcheck), ...opened } as ContainerSpec,
      });
    },
    get(address) {
      const found = known.get(address);
      if (!found) throw new RangeError(`No spec is known of "${address}"`);
      return found.spec;
    },
    find: (address) => known.get(address)?.spec ?? null,
    digest: (address) => known.get(address)?.digest ?? null,
    document(address) {
      const found = known.get(address);
      return found ? { generation: found.generation, body: write(found.spec, found.digest) } : null;
    },
    revise(address, generation, change) {
      const mine = drafts.get(address) ?? [];
      const last = mine.at(-1) ?? known.get(address);
      if (!last) throw new RangeError(`No spec is known of "${address}"`);
      const next = { generation, spec: change(last.spec), digest: last.digest };
      drafts.set(address, [...mine, next]);
      return { generation, body: write(next.spec, next.digest) };
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

/** Same spec and same wish to run = same digest, whatever the order of keys. */
export function specDigest(spec: object, run: boolean): string {
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
