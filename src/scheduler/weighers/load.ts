/** How full a host is, and the two ways to like it. */
import type { HostView } from '../../model/host.ts';
import type { Room } from '../../model/placement.ts';
import type { Weigher } from '../weigher.ts';

const nothing: Room = { cpuMillis: 0, memoryMib: 0, diskGib: 0 };

/** What one container more weighs beside its amounts, so that those which ask for nothing are spread too. */
const containerShare = 1e-6;

const share = (part: number, whole: number): number => (whole > 0 ? part / whole : 0);

/** Share of the scarcest resource in use, so that one full dimension counts as full; 1 is full. `more` is added first. */
export const loadOf = ({ used, allocatable }: HostView, more: Room = nothing, containers = 0): number =>
  Math.max(
    share(used.cpuMillis + more.cpuMillis, allocatable.cpuMillis),
    share(used.memoryMib + more.memoryMib, allocatable.memoryMib),
    share(used.diskGib + more.diskGib, allocatable.diskGib),
  ) +
  (used.containers + containers) * containerShare;

export const spread: Weigher = {
  name: 'spread',
  applies: ({ strategy }) => strategy === 'spread',
  weigh: (host) => loadOf(host),
};

export const pack: Weigher = {
  name: 'pack',
  applies: ({ strategy }) => strategy === 'pack',
  weigh: (host) => -loadOf(host),
};
