/** What the container's guards and projections read. Small, JSON only; the spec is a document of its own. */
import type { Amounts, HotMount, Observation, RestartPolicy } from '../../model/container.ts';
import type { ContainerDeadlines, ContainerInput, FoundContainer, Mount } from '../../model/events.ts';
import type { Failure } from '../../model/failure.ts';
import type { Port } from '../../model/network.ts';
import type { PlacementTerms } from '../../model/placement.ts';
import { notPlacing, type Placing } from '../placing.ts';

export interface HeldMount extends Mount {
  readonly granted: boolean;
  /** Of what was attached while it lived: it is on its way out, and is mounted no more. */
  readonly leaving?: true;
}

/** What its agent mounts into it. */
export const hotMounts = (mounts: readonly HeldMount[]): readonly HotMount[] =>
  mounts.flatMap(({ volumeId, hot }) => (hot ? [{ volumeId, ...hot }] : []));

export interface ContainerContext extends Placing {
  readonly id: string;
  readonly tenant: string;
  /** The capsule that it is a member of; null for one that stands alone. */
  readonly capsuleId: string | null;
  readonly generation: number;
  readonly amounts: Amounts;
  readonly terms: PlacementTerms;
  readonly restartPolicy: RestartPolicy;
  readonly autoRemove: boolean;
  readonly imagePullPolicy: ContainerInput['imagePullPolicy'];
  readonly sandbox: ContainerInput['sandbox'];
  readonly networks: ContainerInput['networks'];
  readonly published: ContainerInput['published'];
  readonly askedHostname: string | null;
  readonly pool: ContainerInput['pool'];
  readonly deadlines: ContainerDeadlines;

  /** What the user wants of it; the latest of start and stop, taken when the state settles. */
  readonly wanted: 'created' | 'running' | 'stopped' | 'deleted';
  /** A start was asked for while its host was not heard. */
  readonly startQueued: boolean;
  // What it holds of others, so that each is released once.
  readonly reservationHeld: boolean;
  readonly claimHeld: boolean;
  /** The sandbox it has asked for or lives in. */
  readonly sandboxId: string | null;
  /** It was granted, and nobody has said since that it is gone. */
  readonly sandboxSound: boolean;
  readonly sandboxEngineId: string | null;
  /** Counts the sandboxes made for it, so that no two share an id. */
  readonly sandboxesAsked: number;
  readonly ports: readonly Port[];
  readonly mounts: readonly HeldMount[];
  /** The volume that was attached or detached last while it lived. */
  readonly remounting: string | null;
  readonly containerHeld: boolean;

  /** The image is believed to be on the host. */
  readonly imagePresent: boolean;
  /** Failed attempts of the step in progress; sets its back-off. Bounded. */
  readonly tries: number;
  /** Runs begun so far. */
  readonly run: number;
  /** Restarts by policy since it last ran well. */
  readonly restarts: number;
  readonly observation: Observation | null;
  readonly failure: Failure | null;
  /** The last signal of the user's. */
  readonly signal: string;
  /** A signal of the user's that ends it: its exit is no crash. */
  readonly killedWith: string | null;
  /** It is being made anew. */
  readonly rebuilding: boolean;
  /** Counts specs: names and limits change without a new generation. */
  readonly specVersion: number;
  /** Amounts it is on its way to; null unless it is being resized. */
  readonly resize: {
    readonly to: Amounts;
    /** Of the spec it leads to: answers to an earlier resize are none to this one. */
    readonly generation: number;
    readonly granted: boolean;
  } | null;
  /** Why it is where it is, in words. */
  readonly reason: string | null;
  readonly graceMs: number;
}

/** What its actor knows of one that was found on its host. What it holds of others it has yet to say to them. */
export const foundContext = ({ stopAsked, ...found }: FoundContainer) =>
  ({
    ...found,
    ...notPlacing,
    containerHeld: true,
    imagePresent: true,
    sandboxSound: false,
    // Should it end, that was the stop.
    killedWith: stopAsked ? 'TERM' : null,
    failure: null,
    reason: null,
  }) satisfies Partial<ContainerContext>;
