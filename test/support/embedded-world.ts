/** Actors over an embedded store in a folder of the test's own, with a clock that stands still. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { startControlPlane, type RunningControlPlane } from '../../src/actors/control-plane.ts';
import { createEmbeddedStore } from '../../src/actors/stores/embedded.ts';
import { defaultRetention, type Store } from '../../src/actors/stores/store.ts';
import { createHostLinks } from '../../src/link/host-link-server.ts';
import { charts as ourCharts } from '../../src/machines/catalogue.ts';
import type { Chart } from '../../src/machines/chart.ts';
import type { ActorKind } from '../../src/model/address.ts';
import { createTestEnvironment, type TestEnvironment } from './test-environment.ts';

export const owner = { hostname: 'test', pid: process.pid, startedAt: 0 };

export interface EmbeddedFolder {
  readonly directory: string;
  open(environment: TestEnvironment): Store;
}

export function embeddedFolder(t: Test): EmbeddedFolder {
  const directory = mkdtempSync(join(tmpdir(), 'troupe-world-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return {
    directory,
    open: (environment) =>
      createEmbeddedStore({
        directory,
        environment,
        retention: defaultRetention,
        mapSize: 256 * 1024 * 1024,
      }),
  };
}

const deadlines = {
  placingMs: 60_000, claimMs: 10_000, imageMs: 600_000, sandboxMs: 60_000, createMs: 120_000, startMs: 120_000, stopMs: 30_000,
  removeMs: 60_000, networkIdleMs: 60_000, retryMs: 1_000,
}; // prettier-ignore

export interface ActorsOptions {
  readonly charts?: Readonly<Record<ActorKind, Chart>>;
  readonly environment?: TestEnvironment;
}

export interface RunningActors {
  readonly controlPlane: RunningControlPlane;
  readonly environment: TestEnvironment;
  /** Lets what is due now happen, the store's own work included, until `condition` holds. */
  until(condition: () => boolean): Promise<void>;
  stop(): Promise<void>;
}

/** A control plane without an API over `store`; whoever starts it stops it. Specs are not sealed. */
export async function startActors(store: Store, options: ActorsOptions = {}): Promise<RunningActors> {
  const environment = options.environment ?? createTestEnvironment();
  const controlPlane = await startControlPlane({
    environment,
    store,
    charts: options.charts ?? ourCharts,
    sealer: { seal: (text) => text, open: (sealed) => sealed },
    owner,
    config: {
      deadlines,
      limits: { containers: -1, cpuMillis: -1, memoryMib: -1, diskGib: -1 },
      reservationMs: 60_000,
      promisedMs: 60_000,
      sandbox: 'engine',
      pool: null,
      readyPorts: { perProject: 50, perSite: 1_000 },
      strategy: 'spread',
      commitsTo: 'host',
      collectMs: 3_600_000,
      neighbours: 'off',
      hostPolicy: {
        availabilityZone: 'nova',
        ratios: { cpu: 1, memory: 1, disk: 1 },
        reserved: { cpu: 0, memory: 0, disk: 0 },
        warmMemoryMib: 256,
      },
      suspectMs: 0,
      lostMs: 8_000,
      syncMs: 30_000,
      answerMs: 5_000,
    },
    links: (events) =>
      createHostLinks({
        environment,
        events,
        timing: { heartbeatMs: 500, leaseMs: 5_000, operationsInFlight: 8 },
      }),
  });
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) {
      await environment.settle();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return {
    controlPlane,
    environment,
    until,
    async stop() {
      let isOver = false;
      const stopping = controlPlane.stop().then(() => (isOver = true));
      await until(() => isOver);
      await stopping;
    },
  };
}
