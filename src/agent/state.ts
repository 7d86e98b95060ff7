/**
 * What an agent keeps on disk: who it is, what it has been told to do, what it
 * has to tell. Everything fits in memory; the disk is read once, at start.
 */
import type { HotMount } from '../model/container.ts';
import type { DesiredState, HostEffectName, OperationOutcome, Slot, UpRecord } from '../link/protocol.ts';
import type { Health, HealthCheck } from '../model/health.ts';

export interface Identity {
  readonly hostId: string;
  readonly credential: string;
  /** The world it belongs to; commands of another are refused. */
  readonly worldId: string;
}

/** The last operation of one slot of a container's lane. */
export interface LaneEntry {
  readonly opId: string;
  readonly kind: HostEffectName;
  readonly epoch: number;
  readonly revision: number;
  /** Null while it runs, or when the agent ended before it did. */
  readonly outcome: OperationOutcome | null;
}

export interface Lane {
  readonly containerId: string;
  readonly tenant: string;
  readonly generation: number;
  readonly slots: Readonly<Partial<Record<Slot, LaneEntry>>>;
  /** What it may keep up alone; null until a start has succeeded. */
  readonly desired: DesiredState | null;
  /** Volumes that are mounted into it once it runs. Absent: none. */
  readonly hot?: readonly HotMount[];
  /** What the control plane gave to be kept of it, as it came; absent where it gave none. */
  readonly keepsake?: string;
  /** Null, or absent in what earlier releases kept: none is run by the agent. */
  readonly health?: HealthRecord | null;
}

/** A health check that the agent runs, and what was said of the container's last run. */
export interface HealthRecord {
  readonly generation: number;
  readonly check: HealthCheck;
  /** Of the run that `health` is about; null before the first change. */
  readonly startedAt: number | null;
  readonly health: Exclude<Health, 'none'>;
  readonly reason: string | null;
}

export interface OutboxEntry {
  readonly sequence: number;
  readonly record: UpRecord;
}

export interface AgentMemory {
  readonly identity: Identity | null;
  /** The highest epoch it has obeyed. */
  readonly epoch: number;
  /** Sequence of the last record it has told, acknowledged or not. */
  readonly sequence: number;
  readonly lanes: readonly Lane[];
  readonly outbox: readonly OutboxEntry[];
}

export interface AgentChanges {
  readonly identity?: Identity;
  readonly epoch?: number;
  readonly lane?: Lane;
  readonly removeLane?: string;
  readonly told?: OutboxEntry;
  /** Everything up to this sequence is acknowledged. */
  readonly acknowledged?: number;
}

export interface AgentState {
  read(): Promise<AgentMemory>;
  /** All of it or nothing, durable when it resolves, in the order of the calls. */
  write(changes: AgentChanges): Promise<void>;
  close(): Promise<void>;
}

/** The same, until it is closed: what an agent that has ended would still write has never happened. */
export function untilClosed(state: AgentState): AgentState {
  let isOpen = true;
  return {
    read: () => state.read(),
    write: (changes) => (isOpen ? state.write(changes) : new Promise<void>(() => {})),
    async close() {
      isOpen = false;
      await state.close();
    },
  };
}
