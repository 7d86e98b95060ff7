/** An agent's disk in memory: outlives agents, can be full. */
import type { AgentChanges, AgentState, Identity, Lane, OutboxEntry } from '../../src/agent/state.ts';

export interface MemoryAgentDisk {
  /** What one start of the agent opens. */
  open(): AgentState;
  /** While set, writes fail so. */
  failure: Error | null;
  identity: Identity | null;
  epoch: number;
  sequence: number;
  readonly lanes: Map<string, Lane>;
  readonly outbox: Map<number, OutboxEntry>;
}

export function createMemoryAgentDisk(): MemoryAgentDisk {
  const apply = (changes: AgentChanges): void => {
    if (changes.identity) disk.identity = changes.identity;
    if (changes.epoch !== undefined) disk.epoch = changes.epoch;
    if (changes.lane) disk.lanes.set(changes.lane.containerId, changes.lane);
    if (changes.removeLane !== undefined) disk.lanes.delete(changes.removeLane);
    if (changes.told) {
      disk.outbox.set(changes.told.sequence, changes.told);
      disk.sequence = changes.told.sequence;
    }
    if (changes.acknowledged !== undefined)
      for (const each of disk.outbox.keys()) if (each <= changes.acknowledged) disk.outbox.delete(each);
  };
  const disk: MemoryAgentDisk = {
    failure: null,
    identity: null,
    epoch: 0,
    sequence: 0,
    lanes: new Map(),
    outbox: new Map(),
    open() {
      let isOpen = true;
      return {
        read: () =>
          Promise.resolve({
            identity: disk.identity,
            epoch: disk.epoch,
            sequence: disk.sequence,
            lanes: [...disk.lanes.values()],
            outbox: [...disk.outbox.values()],
          }),
        async write(changes) {
          const copy = JSON.parse(JSON.stringify(changes)) as AgentChanges;
          // Not at once, as no disk is.
          await Promise.resolve();
          if (!isOpen) throw new Error('Written after it was closed');
          if (disk.failure) throw disk.failure;
          apply(copy);
        },
        close() {
          isOpen = false;
          return Promise.resolve();
        },
      };
    },
  };
  return disk;
}
