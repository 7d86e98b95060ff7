/**
 * Control plane and agent in one process, for a laptop or a single host. They
 * speak the same protocol over a WebSocket on a unix socket: there is no
 * second code path.
 */
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { FastifyBaseLogger } from 'fastify';
import type { Agent } from '../agent/agent.ts';
import type { Store } from '../actors/stores/store.ts';
import type { Config } from '../config/schema.ts';
import { attachLinkAcceptor } from '../link/ws-acceptor.ts';
import type { Environment } from '../model/environment.ts';
import { runControlPlane, type ControlPlaneProcess } from './control-plane.ts';
import type { CloudCalls } from './keystone.ts';
import { runAgent, type AgentWiring } from './host-agent.ts';
import { writePrivateFile } from './private-file.ts';
import { paths } from './settings.ts';

/** Half of what a stop may take in all. */
const letGoMs = 15_000;

export interface AllInOne {
  readonly process: ControlPlaneProcess;
  readonly agent: Agent;
  stop(): Promise<void>;
}

/** @param wiring for tests that cut the driver @throws TroupeError INVALID_CONFIG, STORE_UNAVAILABLE */
export async function runAllInOne(
  config: Config,
  environment: Environment,
  store: Store,
  logger: FastifyBaseLogger,
  wiring: Pick<AgentWiring, 'wrapDriver'> & { readonly cloud?: CloudCalls | null } = {},
): Promise<AllInOne> {
  const controlPlane = await runControlPlane(config, environment, store, logger, wiring.cloud);
  const { linkSocket } = paths(config);
  const server = createServer((_, response) => response.writeHead(404).end());
  const stopControlPlane = async (): Promise<void> => {
    await controlPlane.stop();
    server.closeAllConnections();
    server.close();
    rmSync(linkSocket, { force: true });
  };
  try {
    rmSync(linkSocket, { force: true });
    attachLinkAcceptor(server, controlPlane.acceptLink);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(linkSocket, resolve);
    });
    chmodSync(linkSocket, 0o600);
    const agent = await runAgent(config, environment, {
      ...wiring,
      controlUrl: `ws+unix:${linkSocket}:`,
      joinToken: () => ownJoinToken(controlPlane, paths(config).joinToken),
    });
    return {
      process: controlPlane,
      agent,
      async stop() {
        await letGoAhead(controlPlane, agent, environment);
        await agent.stop();
        await stopControlPlane();
      },
    };
  } catch (error) {
    await stopControlPlane();
    throw error;
  }
}

/** Sandboxes that nobody has would wait for a start that may never come; what can't go in time is gone after the next start. */
async function letGoAhead(
  { controlPlane }: ControlPlaneProcess,
  agent: Agent,
  { log }: Environment,
): Promise<void> {
  const { state, hostId } = agent.status();
  if (state !== 'online' || hostId === null) return;
  try {
    const left = await controlPlane.local.letGoAhead(hostId, letGoMs);
    if (left > 0) log.warn({ left }, 'some sandboxes made ahead did not go in time');
  } catch (error) {
    log.warn({ err: error }, 'the sandboxes made ahead could not be let go');
  }
}

async function ownJoinToken({ controlPlane }: ControlPlaneProcess, file: string): Promise<string> {
  const kept = existsSync(file) ? readFileSync(file, 'utf8').trim() : null;
  const token = await controlPlane.createJoinToken(kept);
  if (token !== kept) writePrivateFile(file, `${token}\n`);
  return token;
}
