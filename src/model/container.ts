/** What was asked (spec), what an engine reports (observation), and the amounts that are counted. */

import type { Health, HealthCheck } from './health.ts';
import type { ImageDigest } from './image.ts';
import type { NetworkRequest, PublishedPort } from './network.ts';

export type RestartPolicyName = 'no' | 'always' | 'on-failure' | 'unless-stopped';

export interface RestartPolicy {
  readonly name: RestartPolicyName;
  /** Restarts allowed under `on-failure`; 0 = without limit. */
  readonly maximumRetryCount: number;
}

/**
 * What the user asked for. A document of its own, immutable per generation,
 * never part of a snapshot; `environment` and `files` are sealed with the site key at rest.
 */
export interface ContainerSpec {
  readonly name: string;
  readonly userId: string;
  readonly image: string;
  /** What engines call it, where that is more than `image`: see {@link engineImage}. */
  readonly imageReference: string | null;
  /** Whose credentials are shown to the image's registry; null = nobody's. */
  readonly registryId: string | null;
  readonly imageDriver: 'docker' | 'glance';
  /** Of an image of Glance: its id, and the hash of the bytes that were meant. Null of others. */
  readonly stored: StoredImageRef | null;
  readonly imagePullPolicy: 'always' | 'ifnotpresent' | 'never';
  readonly command: readonly string[] | null;
  readonly entrypoint: readonly string[] | null;
  readonly workdir: string | null;
  readonly environment: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly hints: Readonly<Record<string, string>>;
  /** CPUs, a real limit as well as a weight; null = no limit. */
  readonly cpu: number | null;
  readonly memoryMib: number | null;
  /** 0 = not asked. */
  readonly diskGib: number;
  readonly pidsLimit: number;
  readonly interactive: boolean;
  readonly tty: boolean;
  readonly hostname: string | null;
  readonly runtime: string | null;
  readonly restartPolicy: RestartPolicy | null;
  readonly autoRemove: boolean;
  readonly autoHeal: boolean;
  readonly healthcheck: HealthCheck | null;
  readonly availabilityZone: string | null;
  readonly requestedHost: string | null;
  /** Empty = the project's default network of its host. */
  readonly networks: readonly NetworkRequest[];
  readonly published: readonly PublishedPort[];
  readonly mounts: readonly MountSpec[];
  readonly files: readonly FileSpec[];
  /** Of a capsule, whose spec is that of all its members together. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Of a capsule: what its members are made of. */
  readonly images?: readonly Pick<ContainerSpec, 'image' | 'imageReference'>[];
}

export interface StoredImageRef {
  readonly id: string;
  readonly digest: ImageDigest;
}

/** What a container may use; null = all that the host has. */
export type Limits = Pick<ContainerSpec, 'cpu' | 'memoryMib'>;

/** The limits that amounts stand for. A resize changes the amounts; the spec keeps what was asked first. */
export const limitsOf = ({ cpuMillis, memoryMib }: Amounts): Limits => ({
  cpu: cpuMillis === 0 ? null : cpuMillis / 1000,
  memoryMib: memoryMib === 0 ? null : memoryMib,
});

/** A volume that is made for who mounts it. */
export interface Made {
  readonly sizeGib: number | null;
  /** It stays when they go; absent = it goes with them. */
  readonly isKept?: true;
  /** It is Cinder's: what is made is its attachment. */
  readonly cinder?: CinderMount;
  /** Of the promise that ends once who mounts it is durable; absent where none holds. */
  readonly promiseId?: string;
}

/** A volume of Cinder in a container. */
export interface CinderMount {
  /** Cinder's id of it. */
  readonly volumeId: string;
  /** Cinder is to delete it when who mounts it goes. */
  readonly isTemporary: boolean;
  /** Nobody who mounts it writes to it. */
  readonly readOnly: boolean;
}

/** Where a volume is in the container. */
export interface MountPlace {
  /** Absolute. */
  readonly destination: string;
  readonly readOnly: boolean;
}

/** A volume in the container. */
export interface MountSpec extends MountPlace {
  readonly volumeId: string;
  /** It is made for this container, or its capsule; null = it is there already. */
  readonly made: Made | null;
}

/** A volume in a container that its agent mounts. */
export type HotMount = Omit<MountSpec, 'made'>;

/** A file of the user's content in the container; sealed at rest like the environment. */
export interface FileSpec {
  /** Absolute. */
  readonly destination: string;
  /** Base64. */
  readonly content: string;
}

/** What a placement takes from a host and a create from a quota. Integers. */
export interface Amounts {
  readonly containers: number;
  readonly cpuMillis: number;
  readonly memoryMib: number;
  readonly diskGib: number;
}

/** Limits to set; null = the site's again, and what is left out stays. -1 = without limit. */
export type LimitChanges = { readonly [amount in keyof Amounts]?: number | null };

export type EngineState = 'created' | 'running' | 'paused' | 'restarting' | 'exited' | 'dead' | 'removing';

/** One container as its engine sees it now, told in full each time; the greater observation wins. */
export interface Observation {
  readonly containerId: string;
  readonly tenant: string;
  readonly generation: number;
  /** The engine's own id, e.g. Docker's 64 hex digits. */
  readonly engineId: string;
  readonly state: EngineState;
  /** Epoch ms; identifies the run. Null if it never ran. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly exitCode: number | null;
  readonly oomKilled: boolean;
  /** The engine's error text of a start that failed. */
  readonly error: string | null;
  readonly health: Health;
  /** Why its last probe failed, in words; told of what is unhealthy. */
  readonly healthReason?: string | null;
  readonly hostname: string | null;
  /** Addresses on the engine's own network, until Troupe's networks carry them. */
  readonly addresses: readonly string[];
  /** Filled from the image where the spec had none. */
  readonly command: readonly string[];
  readonly entrypoint: readonly string[] | null;
  readonly ports: readonly number[];
}
