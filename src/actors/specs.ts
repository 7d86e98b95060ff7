/** Specs of containers as documents: snapshots, journals and invoke inputs carry ids only. Environment values and files are sealed. */
import { createHash } from 'node:crypto';
import type { ContainerSpec } from '../model/container.ts';
import type { HealthCheck } from '../model/health.ts';
import { namedUuid } from '../model/named-uuid.ts';
import { createDocuments, type Documents, type Sealer } from './documents.ts';

type Secrets = Pick<ContainerSpec, 'environment' | 'files'>;

/** What specs written by earlier releases lack: they knew no networks, volumes, files or registries, and no images of Glance. */
const added = {
  networks: [],
  published: [],
  mounts: [],
  files: [],
  imageReference: null,
  registryId: null,
  stored: null,
} as const;

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
}

export type Specs = Documents<ContainerSpec>;

export const createSpecs = (sealer: Sealer): Specs =>
  createDocuments<ContainerSpec>({
    write({ environment, files, ...spec }) {
      const secrets = sealer.seal(JSON.stringify({ environment, files } satisfies Secrets));
      return { spec, secrets } satisfies SpecDocument;
    },
    read(stored) {
      const { spec, secrets, environment } = stored as unknown as SpecDocument;
      const opened: Partial<Secrets> =
        environment === undefined
          ? JSON.parse(sealer.open(secrets ?? ''))
          : { environment: JSON.parse(sealer.open(environment)) };
      return { ...added, ...spec, healthcheck: checkOf(spec.healthcheck), ...opened } as ContainerSpec;
    },
  });

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
