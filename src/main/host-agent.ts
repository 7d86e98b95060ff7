/** The host agent's process: driver, state, link. */
import { existsSync, readFileSync } from 'node:fs';
import { createAgent, type Agent } from '../agent/agent.ts';
import { openLmdbState } from '../agent/lmdb-state.ts';
import type { Config } from '../config/schema.ts';
import { createDirectProber } from '../drivers/health/direct-prober.ts';
import type { RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import { createWsDialer } from '../link/ws-dialer.ts';
import type { Environment } from '../model/environment.ts';
import { agentRestartPolicy } from './restart-policy.ts';
import { engineDriver, hostParts } from './host-parts.ts';
import { hostnameOf, hostOverrides, paths } from './settings.ts';

export interface AgentWiring {
  readonly controlUrl: string;
  /** Asked by an agent that has not joined yet. */
  readonly joinToken: () => Promise<string | null>;
  /** Replaces the driver, for tests that cut it. */
  readonly wrapDriver?: (driver: RuntimeDriver) => RuntimeDriver;
}

/** @throws TroupeError INVALID_CONFIG */
export async function runAgent(
  config: Config,
  environment: Environment,
  wiring: AgentWiring,
): Promise<Agent> {
  const state = await openLmdbState(paths(config).agent);
  const { identity } = await state.read();
  const own = await engineDriver(config, environment);
  const driver = wiring.wrapDriver?.(own) ?? own;
  const agent = await createAgent({
    environment,
    driver,
    prober: createDirectProber(),
    ...(await hostParts(config, environment, driver)),
    dialer: createWsDialer({
      url: wiring.controlUrl,
      allowInsecure: config.link.allowInsecure,
      ...(config.agent.caFile === '' ? {} : { ca: readFileSync(config.agent.caFile, 'utf8') }),
    }),
    state,
    hostname: hostnameOf(config),
    version: '0.1.0',
    joinToken: identity ? null : await wiring.joinToken(),
    decideRestart: agentRestartPolicy,
    labels: config.agent.labels,
    overrides: hostOverrides(config),
    concurrency: config.agent.concurrency,
  });
  await agent.start();
  return agent;
}

export function joinTokenOf(config: Config): string | null {
  const { joinTokenFile } = config.agent;
  return joinTokenFile !== '' && existsSync(joinTokenFile)
    ? readFileSync(joinTokenFile, 'utf8').trim()
    : null;
}
