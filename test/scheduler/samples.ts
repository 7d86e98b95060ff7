/** Hosts and requests that scheduler tests share. */
import type { HostView } from '../../src/model/host.ts';
import type { GroupPolicy, PlacementTerms } from '../../src/model/placement.ts';
import type { PlacementRequest } from '../../src/scheduler/request.ts';

const nothing = { containers: 0, cpuMillis: 0, memoryMib: 0, diskGib: 0 };
const room = { cpuMillis: 4_000, memoryMib: 8_192, diskGib: 100 };

export const host = (hostname: string, changes: Partial<HostView> = {}): HostView => ({
  id: `id-${hostname}`,
  hostname,
  online: true,
  expected: false,
  admission: 'open',
  engineUp: true,
  availabilityZone: 'nova',
  runtimes: ['runc'],
  networks: { able: true, problem: null },
  labels: {},
  capacity: room,
  allocatable: room,
  used: nothing,
  tenants: {},
  tenantCount: 0,
  enforcing: [],
  groups: {},
  images: new Set(),
  ...changes,
});

/** With containers of these tenants. */
export const holding = (
  hostname: string,
  tenants: Readonly<Record<string, number>>,
  changes: Partial<HostView> = {},
): HostView => host(hostname, { tenants, tenantCount: Object.keys(tenants).length, ...changes });

export const request = (changes: Partial<PlacementRequest> = {}): PlacementRequest => ({
  tenant: 'p1',
  amounts: { containers: 1, cpuMillis: 1_000, memoryMib: 512, diskGib: 0 },
  image: 'nginx:latest',
  runtime: null,
  availabilityZone: null,
  needsNetworks: false,
  bound: [],
  requestedHost: null,
  labels: [],
  sameHost: [],
  differentHost: [],
  terms: { neighbours: 'off', group: null },
  exclude: new Set(),
  strategy: 'spread',
  seed: 0,
  inFlight: 0,
  ...changes,
});

export const inGroup = (policy: GroupPolicy): { readonly terms: PlacementTerms } => ({
  terms: { neighbours: 'off', group: { name: 'web', policy } },
});

export const members = (count: number, apart = 0) => ({ groups: { 'p1/web': { members: count, apart } } });
