/**
 * The wire between a host agent and the control plane, version 1.
 *
 * One WebSocket for control, dialled by the agent to `/link`, JSON-RPC 2.0 text
 * frames; one data WebSocket per log, session or copy of files to `/link/data`: the
 * ticket, then bytes (ws-stream.ts).
 *
 *  1. A new agent calls `enrol` with a one-time join token and gets its host id
 *     and credential; it pins the world id.
 *  2. It calls `hello`. The answer is a welcome, or an error whose
 *     `data.fatal` says whether dialling again can help.
 *  3. It sends its inventory in `inventory` calls; the last has `complete`.
 *     Before it answers that, the control plane may `recall` what the agent
 *     keeps of subjects whose actors a store forgot.
 *  4. The control plane sends `operate` calls. Each is answered at once with
 *     `{accepted}`; the result comes as an upward record.
 *  5. What the agent has to say (results, facts) are upward records in one
 *     sequence per agent boot: `up {sequence, record}`; the control plane
 *     answers `ack {sequence}` (cumulative) once the turn that took it is
 *     durable. Unacknowledged records are kept on disk and sent again after
 *     `hello`, which names the last acknowledged one.
 *  6. `heartbeat` notifications go both ways each `heartbeatMs`, the agent's
 *     as the answer to the control plane's; three missed end the connection.
 *     The lease that lets only the chart restart containers is renewed by each
 *     one the agent receives.
 *
 * L1. Records about one container keep their order.
 * L2. An agent obeys no command of an older epoch than it has seen, and none
 *     of another world.
 * L3. A repeat (equal opId) is answered with the recorded result; an older
 *     revision in the same lane slot is refused STALE_COMMAND.
 */
import type { ContainerSpec, HotMount, Limits, Observation } from '../model/container.ts';
import type { Failure } from '../model/failure.ts';
import type { Fingerprint } from '../model/host.ts';
import type { ImageDigest } from '../model/image.ts';
import type { Port, PublishedPort } from '../model/network.ts';
import type { RegistryCredential } from '../model/registry.ts';

export const protocolVersion = 1;

/** Bytes of one control frame; a larger one closes the connection (1009). */
export const maxFrameBytes = 4 * 1024 * 1024;

/** References that are told of one host; there may be more. */
export const imagesMost = 10_000;

/** Lane slots: operations of one container in different slots may run side by side. */
export type Slot = 'network' | 'image' | 'volumes' | 'runtime';

/** What an operation does; `kind` is also the effect's name in the chart. */
export type OperationArguments =
  | {
      readonly kind: 'pullImage';
      readonly image: string;
      readonly policy: ContainerSpec['imagePullPolicy'];
      /** Shown to the image's registry and to nobody else; kept by no agent. */
      readonly credential: RegistryCredential | null;
      /** Of an image that no registry has: the control plane gives its bytes. */
      readonly from?: ImageSource;
    }
  | {
      readonly kind: 'createContainer';
      readonly spec: ContainerSpec;
      readonly sandboxId: string | null;
      readonly run: number;
      /** Goes on to start it, if it has never run. A start that fails is not told: the answer is what was created. */
      readonly start: boolean;
      readonly hot?: readonly HotMount[];
    }
  | {
      readonly kind: 'startContainer';
      readonly run: number;
      readonly limits: Limits | null;
      /** Volumes that the agent mounts into it once it runs. Absent: none. */
      readonly hot?: readonly HotMount[];
    }
  | { readonly kind: 'stopContainer'; readonly graceMs: number }
  | { readonly kind: 'removeContainer' }
  | { readonly kind: 'pauseContainer' }
  | { readonly kind: 'unpauseContainer' }
  /** A name without SIG, or a number. */
  | { readonly kind: 'killContainer'; readonly signal: string }
  | { readonly kind: 'updateContainer'; readonly limits: Limits }
  /** Of the volumes that the agent mounts into it: those that it is to have from now on, and those that it is to have no more. */
  | {
      readonly kind: 'remountContainer';
      readonly hot: readonly HotMount[];
      readonly leaving: readonly HotMount[];
    }
  | {
      readonly kind: 'makeSandbox';
      readonly hostname: string | null;
      /** All that it is plugged into, and no other. */
      readonly ports: readonly Port[];
      readonly published: readonly PublishedPort[];
    }
  | { readonly kind: 'unplugPort'; readonly portId: string }
  | { readonly kind: 'removeSandbox'; readonly portIds: readonly string[] }
  /** Null = the host chooses one that is free there. */
  | { readonly kind: 'ensureNetwork'; readonly subnet: string | null }
  | { readonly kind: 'removeNetwork' }
  | { readonly kind: 'ensureVolume'; readonly sizeGib: number | null }
  | { readonly kind: 'removeVolume' }
  /** A volume of Cinder, as os-brick connects it, formatted where it holds nothing, and mounted. */
  | {
      readonly kind: 'connectVolume';
      /** Cinder's id of it. */
      readonly cinderId: string;
      /** Ids that its backend may call it by. */
      readonly names: readonly string[];
      readonly sizeGib: number;
      readonly readOnly: boolean;
      /** Made for who mounts it: what is on it is nobody's. */
      readonly isNew: boolean;
      readonly connection: VolumeConnection;
    }
  | { readonly kind: 'disconnectVolume'; readonly connection: VolumeConnection | null }
  /** An image of what the container of this generation is now. */
  | {
      readonly kind: 'commitContainer';
      readonly containerId: string;
      readonly generation: number;
      readonly image: string;
    }
  /**
   * Gives the control plane the image as a tar in which it is called `name`, over data sockets of this ticket, each beginning with a
   * {@link StoreRequest}. By the digest that comes of it the image is called from then on, and by `image` no more.
   */
  | {
      readonly kind: 'storeImage';
      readonly image: string;
      readonly name: string;
      readonly ticket: string;
      /** Its layers go apart, those alone that are not there yet. */
      readonly isLayered: boolean;
    }
  | { readonly kind: 'removeImage'; readonly image: string };

/** How a volume is reached, in Cinder's words for os-brick. It may hold passwords, and no agent keeps it. */
export type VolumeConnection = Readonly<Record<string, unknown>>;

/**
 * What a data socket of a `storeImage` begins with, a line of JSON; the bytes follow. Each is answered with a line of JSON, an
 * {@link OperationOutcome}: of the image with its {@link ImageDigest}, of `absent` with those layers that are not there.
 */
export type StoreRequest =
  | { readonly kind: 'image' }
  | { readonly kind: 'absent'; readonly layers: readonly string[] }
  /** Known by the sha256 of the bytes. */
  | { readonly kind: 'layer'; readonly layer: string };

/** What a data socket of a `pullImage` begins with, a line of JSON; null: the image itself. */
export interface FetchRequest {
  readonly layer: string | null;
}

/**
 * Where an image comes from that the control plane gives. A data socket of the ticket, which is good as long as the operation
 * runs, begins with a {@link FetchRequest}; answered with a line of JSON, an {@link OperationOutcome}, and the bytes.
 */
export interface ImageSource {
  readonly ticket: string;
  /** Of the bytes; they are nothing before they have it. */
  readonly digest: ImageDigest;
}

/** What an operation is about: the actor of this kind and id of the tenant. */
export type SubjectKind = 'container' | 'sandbox' | 'network' | 'volume' | 'image';

export type HostEffectName = OperationArguments['kind'];

export const slotOf: Readonly<Record<HostEffectName, Slot>> = {
  pullImage: 'image',
  commitContainer: 'image',
  storeImage: 'image',
  removeImage: 'image',
  makeSandbox: 'network',
  unplugPort: 'network',
  removeSandbox: 'network',
  ensureNetwork: 'network',
  removeNetwork: 'network',
  ensureVolume: 'volumes',
  removeVolume: 'volumes',
  connectVolume: 'volumes',
  disconnectVolume: 'volumes',
  createContainer: 'runtime',
  startContainer: 'runtime',
  stopContainer: 'runtime',
  removeContainer: 'runtime',
  pauseContainer: 'runtime',
  unpauseContainer: 'runtime',
  killContainer: 'runtime',
  updateContainer: 'runtime',
  remountContainer: 'runtime',
};

/** Nothing is left of the subject after one of these. */
export const removals: ReadonlySet<HostEffectName> = new Set([
  'removeContainer',
  'removeSandbox',
  'removeNetwork',
  'removeVolume',
  'disconnectVolume',
  'removeImage',
]);

export interface OperateParams {
  readonly opId: string;
  readonly subject: SubjectKind;
  /** Of the subject, whatever its kind: ids are UUIDs, so that no two kinds share one. */
  readonly containerId: string;
  readonly tenant: string;
  readonly generation: number;
  readonly epoch: number;
  /** Of the turn that started the operation; orders operations within a slot. */
  readonly revision: number;
  /** Milliseconds from receipt after which the agent reports ENGINE_HUNG by itself. */
  readonly deadlineMs: number;
  readonly args: OperationArguments;
  /** What the agent may do alone while the lease is gone: the desired state after this operation. */
  readonly desired: DesiredState;
  /**
   * What gives the subject its actor back, should the store forget it: sealed by the control plane, kept as it is by the agent,
   * given back to `recall`. Absent where nothing of it has changed.
   */
  readonly keepsake?: string;
}

/** What an agent needs to restart a container by the pure policy while the control plane is away. */
export interface DesiredState {
  readonly running: boolean;
  readonly run: number;
  readonly restarts: number;
  readonly restartPolicy: { readonly name: string; readonly maximumRetryCount: number };
}

export type OperationOutcome =
  { readonly ok: true; readonly output: unknown } | { readonly ok: false; readonly failure: Failure };

/** What an agent tells; `at` is its wall clock, for people. */
export type UpRecord =
  | {
      readonly kind: 'result';
      readonly opId: string;
      readonly subject: SubjectKind;
      readonly containerId: string;
      readonly tenant: string;
      readonly outcome: OperationOutcome;
      readonly at: number;
    }
  | { readonly kind: 'fact'; readonly fact: AgentFact; readonly at: number };

export type AgentFact =
  | {
      readonly type: 'runtime.started';
      readonly observation: Observation;
      readonly opId: string | null;
      readonly byAgent: boolean;
    }
  | {
      readonly type: 'runtime.exited';
      readonly observation: Observation;
      readonly opId: string | null;
      readonly stoppedOutside: boolean;
    }
  | { readonly type: 'runtime.health'; readonly observation: Observation; readonly opId: string | null }
  | {
      readonly type: 'runtime.gone';
      readonly containerId: string;
      readonly tenant: string;
      readonly generation: number;
      readonly opId: string | null;
    }
  | {
      readonly type: 'sandbox.died';
      readonly sandboxId: string;
      readonly tenant: string;
      readonly reason: string;
    }
  | { readonly type: 'host.fingerprinted'; readonly fingerprint: Fingerprint };

/** A sandbox, network or volume of ours that is on the host. */
export interface InventoryResource {
  readonly subject: Exclude<SubjectKind, 'container' | 'image'>;
  readonly id: string;
  /** Null where the host can't tell any more; then nobody can own it. */
  readonly tenant: string | null;
  readonly worldId: string;
  /** False for a sandbox whose namespace is gone. */
  readonly alive: boolean;
  /** `recall` knows it; absent from agents that do not. */
  readonly kept?: boolean;
}

export interface InventoryItem {
  readonly observation: Observation;
  readonly worldId: string;
  /** The last operation the agent took for this container; null after it lost its own journal. */
  readonly lastOpId: string | null;
  readonly lastRevision: number;
  readonly epoch: number;
  /** The sandbox it joined, by the engine's word; absent from agents that do not tell. */
  readonly sandboxId?: string | null;
  /** `recall` knows it; absent from agents that do not. */
  readonly kept?: boolean;
}

/** What an agent keeps of a subject. */
export interface Recalled {
  readonly id: string;
  readonly keepsake: string;
  /** Of a container: what the agent may do alone; null until a start has succeeded. */
  readonly desired: DesiredState | null;
}

// ── agent → control plane ──────────────────────────────────────────────────

export interface EnrolParams {
  readonly protocol: number;
  readonly joinToken: string;
  readonly hostname: string;
}
export interface EnrolResult {
  readonly hostId: string;
  /** Secret; kept 0600 by the agent, only its hash by the control plane. */
  readonly credential: string;
  readonly worldId: string;
}

export interface HelloParams {
  readonly protocol: number;
  readonly agentVersion: string;
  readonly hostId: string;
  readonly credential: string;
  /** Null before the first welcome. */
  readonly worldId: string | null;
  /** The highest epoch it has obeyed. */
  readonly epoch: number;
  /** Random per start of the agent process. */
  readonly bootId: string;
  /** Upward records with a greater sequence are still to come. */
  readonly acknowledged: number;
  readonly fingerprint: Fingerprint;
}
export interface HelloResult {
  readonly worldId: string;
  readonly epoch: number;
  readonly session: string;
  readonly heartbeatMs: number;
  /** While a heartbeat is younger than this, only the chart restarts containers. Shorter than the control plane's `lost`. */
  readonly leaseMs: number;
}

export interface InventoryParams {
  readonly items: readonly InventoryItem[];
  /** On the last page, all of them. */
  readonly resources: readonly InventoryResource[];
  readonly images: readonly string[];
  /** False while the engine does not answer: then nothing is known, and the agent syncs anew when it does. */
  readonly engineUp: boolean;
  readonly complete: boolean;
}
/** Containers that must not exist: an older generation, or of an actor that has ended. Removed before anything else. */
export interface InventoryResult {
  readonly remove: readonly {
    readonly subject: SubjectKind;
    readonly containerId: string;
    readonly tenant: string;
    readonly generation: number;
  }[];
}

export interface UpParams {
  readonly sequence: number;
  readonly record: UpRecord;
}
export interface ImagesParams {
  readonly images: readonly string[];
}

/**
 * What is asked of a running container. Answered with Docker's process table, a sample of its use, an output, the id of a
 * session, nothing, or how a process has ended.
 */
export type Service =
  | { readonly kind: 'top'; readonly psArgs: string }
  | { readonly kind: 'stats' }
  | {
      readonly kind: 'execute';
      readonly command: readonly string[];
      readonly timeLimitMs: number;
      readonly outputMostBytes: number;
    }
  /** A further process that begins once its stream is opened. */
  | {
      readonly kind: 'prepareSession';
      readonly command: readonly string[];
      readonly tty: boolean;
      readonly interactive: boolean;
    }
  /** `execId` null: the main process's. */
  | {
      readonly kind: 'resizeTerminal';
      readonly execId: string | null;
      readonly rows: number;
      readonly columns: number;
    }
  /** Answered when the process has ended, or after the time limit. */
  | { readonly kind: 'awaitEnd'; readonly execId: string | null; readonly timeLimitMs: number };

/**
 * What is asked of a host beside its containers: answered with the images it has, what a registry's search has found, or how
 * os-brick describes it to Cinder.
 */
export type HostQuestion =
  | { readonly kind: 'images' }
  | { readonly kind: 'searchImages'; readonly term: string }
  | { readonly kind: 'connector' };

export interface ServeParams {
  readonly containerId: string;
  readonly tenant: string;
  readonly generation: number;
  readonly service: Service;
}

// ── control plane → agent ──────────────────────────────────────────────────

export interface AckParams {
  readonly sequence: number;
}
export interface OpenStreamParams {
  /** One-use; the agent dials `/link/data` and sends it as the first frame. */
  readonly ticket: string;
  readonly containerId: string;
  readonly stream: HostStream;
}

export type HostStream =
  | {
      readonly kind: 'logs';
      readonly stdout: boolean;
      readonly stderr: boolean;
      readonly timestamps: boolean;
      readonly tail: number | 'all';
      readonly sinceSeconds: number;
      readonly follow: boolean;
    }
  /** A process of the container of this generation, both ways: the main one, or one that was prepared. */
  | {
      readonly kind: 'session';
      readonly tenant: string;
      readonly generation: number;
      readonly execId: string | null;
    }
  /** Files of the container, running or not: a line with the `PathStat` of the path as JSON, then a tar. */
  | { readonly kind: 'getArchive'; readonly path: string }
  /** Takes a tar to be unpacked there. Answered with a line of JSON, an {@link OperationOutcome}: at once when it fails. */
  | {
      readonly kind: 'putArchive';
      readonly tenant: string;
      readonly generation: number;
      readonly path: string;
    };

/** Method → params and result. Notifications have result null. */
export type AgentMethods = {
  enrol: { params: EnrolParams; result: EnrolResult };
  hello: { params: HelloParams; result: HelloResult };
  inventory: { params: InventoryParams; result: InventoryResult };
  /** Notification. */
  up: { params: UpParams; result: null };
  /** Notification: images on the host changed. */
  images: { params: ImagesParams; result: null };
  /** Notification. */
  heartbeat: { params: Record<string, never>; result: null };
};
export type ControlMethods = {
  operate: {
    params: OperateParams;
    result: { readonly accepted: boolean; readonly failure: Failure | null };
  };
  openStream: {
    params: OpenStreamParams;
    result: { readonly accepted: boolean; readonly failure: Failure | null };
  };
  /** What is on the host now, for the leak ledger. */
  takeInventory: {
    params: Record<string, never>;
    result: { readonly items: readonly InventoryItem[]; readonly resources: readonly InventoryResource[] };
  };
  /** What is kept of these subjects, which were said to be `kept`: of the first of them, as many as fit into a frame. */
  recall: {
    params: { readonly ids: readonly string[] };
    result: { readonly recalled: readonly Recalled[] };
  };
  /** Something about a running container that changes nothing in its life. */
  serve: { params: ServeParams; result: { readonly answer: unknown } };
  /** Something about the host that changes nothing there. */
  ask: { params: { readonly question: HostQuestion }; result: { readonly answer: unknown } };
  /** Notification. */
  ack: { params: AckParams; result: null };
  /** Notification. */
  heartbeat: { params: Record<string, never>; result: null };
};

/** Data of a JSON-RPC error of `enrol` and `hello`. */
export interface LinkErrorData {
  readonly fatal: boolean;
  readonly code: string;
}
