/** For load balancers and Prometheus: no token, no secret. */
import { existsSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ControlPlane } from '../../actors/index.ts';

/** One call to a service of the cloud: its outcome is a status, `failed`, or `open` when it was not made. */
interface CloudCall {
  readonly service: string;
  readonly operation: string;
  readonly outcome: string;
  readonly seconds: number;
}
export type OnCloudCall = (listener: (call: CloudCall) => void) => void;

const mib = 1024 * 1024;

/** @param disableFile takes the API out of a load balancer while it is there, as oslo.middleware's `disable_by_file` does */
export function health(controlPlane: ControlPlane, disableFile: string) {
  return async (app: FastifyInstance): Promise<void> => {
    const config = { public: true };
    app.get('/healthz', { config }, (_, reply) => reply.type('text/plain').send('ok'));
    app.get('/healthcheck', { config }, (_, reply) => {
      reply.type('text/plain');
      return existsSync(disableFile) ? reply.code(503).send('DISABLED BY FILE') : reply.send('OK');
    });
    app.get('/readyz', { config }, (request, reply) => {
      const { ready, checks } = controlPlane.readiness();
      reply.code(ready ? 200 : 503);
      if ('verbose' in (request.query as object)) return { ready, checks };
      const failing = checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`);
      return reply.type('text/plain').send(ready ? 'ok' : failing.join('\n'));
    });
  };
}

/**
 * Measures every request, and answers `/metrics`: every metric of the process,
 * declared once. Labels are bounded: never an id.
 * @param app the outermost: a plugin's hooks see its own routes only
 */
export function measure(
  app: FastifyInstance,
  controlPlane: ControlPlane,
  onCloudCall: OnCloudCall = () => {},
): void {
  const register = new Registry();
  collectDefaultMetrics({ register });
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last of its answer',
    labelNames: ['route', 'method', 'code'],
    registers: [register],
  });
  const actors = new Gauge({
    name: 'troupe_actors',
    help: 'Living actors',
    labelNames: ['kind'],
    registers: [register],
  });
  const mailbox = new Gauge({
    name: 'troupe_mailbox_depth',
    help: 'Events that wait for their turn',
    registers: [register],
  });
  const effects = new Gauge({
    name: 'troupe_effects_in_flight',
    help: 'Operations that run',
    registers: [register],
  });
  const watchers = new Gauge({
    name: 'troupe_stream_clients',
    help: 'Watching WebSockets',
    registers: [register],
  });
  const hosts = new Gauge({
    name: 'troupe_hosts',
    help: 'Hosts by state of their link',
    labelNames: ['state'],
    registers: [register],
  });
  const quarantined = new Gauge({
    name: 'troupe_actors_quarantined',
    help: 'Actors that were given up',
    registers: [register],
  });
  const ready = new Gauge({
    name: 'troupe_sandboxes_ready',
    help: 'Sandboxes made ahead that wait for containers',
    registers: [register],
  });
  const warmBudget = new Gauge({
    name: 'troupe_sandboxes_ready_budget_bytes',
    help: 'Memory that hosts may keep in sandboxes made ahead',
    registers: [register],
  });
  const warmUsed = new Gauge({
    name: 'troupe_sandboxes_ready_bytes',
    help: 'Memory that hosts keep in sandboxes made ahead',
    registers: [register],
  });
  const cloudCalls = new Histogram({
    name: 'troupe_cloud_request_duration_seconds',
    help: 'Time of calls to services of the cloud, repetitions included',
    labelNames: ['service', 'operation', 'outcome'],
    registers: [register],
  });
  onCloudCall(({ seconds, ...labels }) => cloudCalls.observe(labels, seconds));
  const turns = new Counter({ name: 'troupe_turns_total', help: 'Durable turns', registers: [register] });
  const commits = new Counter({
    name: 'troupe_commits_total',
    help: 'Calls to the store',
    registers: [register],
  });

  const collect = (): void => {
    const stats = controlPlane.stats();
    for (const [kind, count] of Object.entries(stats.actors)) actors.set({ kind }, count);
    mailbox.set(stats.mailboxDepth);
    effects.set(stats.effectsInFlight);
    watchers.set(stats.watchers);
    hosts.reset();
    for (const each of [ready, warmBudget, warmUsed]) each.set(0);
    for (const { status, pools, warmMemory } of controlPlane.hosts()) {
      hosts.inc({ state: status });
      warmBudget.inc(warmMemory.budgetMib * mib);
      warmUsed.inc(warmMemory.usedMib * mib);
      for (const pool of pools) ready.inc(pool.ready);
    }
    quarantined.set(controlPlane.quarantined().length);
    turns.reset();
    turns.inc(stats.turns);
    commits.reset();
    commits.inc(stats.commits);
  };

  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    duration.observe({ route, method: request.method, code: reply.statusCode }, reply.elapsedTime / 1000);
  });
  app.get('/metrics', { config: { public: true } }, async (_, reply) => {
    collect();
    return reply.type(register.contentType).send(await register.metrics());
  });
}
