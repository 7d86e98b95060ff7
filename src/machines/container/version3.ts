/** What snapshots of the container chart's version 2 lack. */
import type { Envelope } from '../chart.ts';

/** What a site has that says nothing else. */
const networkIdleMs = 300_000;

/** Containers of version 2 lived in the engine's own network, so there is nothing of it to acquire or to release. */
export function toVersion3({ value, context, chartVersion }: Envelope): Envelope {
  const before = context as { readonly deadlines: object };
  return {
    chartVersion,
    value: isAcquiring(value)
      ? { acquiring: { ...value.acquiring, network: 'ready', volumes: 'ready' } }
      : value,
    context: {
      ...before,
      deadlines: { ...before.deadlines, networkIdleMs },
      terms: { neighbours: 'off', group: null },
      networks: [],
      published: [],
      askedHostname: null,
      pool: null,
      sandboxSound: false,
      sandboxEngineId: null,
      sandboxesAsked: 0,
      ports: [],
      mounts: [],
      signal: 'KILL',
      killedWith: null,
      rebuilding: false,
      specVersion: 1,
      resize: null,
    },
  };
}

const isAcquiring = (value: unknown): value is { readonly acquiring: object } =>
  typeof value === 'object' && value !== null && 'acquiring' in value;
