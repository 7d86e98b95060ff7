/**
 * 9. The API with 10,000 containers: one of them, a list of 1,000, and creates;
 * each beside a bare route of the same HTTP server that answers with the same
 * bytes and knows nothing.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import Fastify from 'fastify';
import { parseAddress } from '../src/model/address.ts';
import { percentile, type Figures } from './figures.ts';
import type { RequestsReport, RequestsStart } from './requests-process.ts';
import { adminToken, openSite, siteFlags, startMany, underLoad } from './site.ts';

const hosts = 10;
const containers = 10_000;
const width = 32;
const ms = 10_000;
/** So that the code is warm. */
const warmUpMs = 2_000;

type Asked = Pick<RequestsStart, 'method' | 'paths' | 'body'>;

export async function measureApi({ tell }: Figures, directory: string): Promise<void> {
  const site = await openSite(await siteFlags(directory, underLoad(hosts)));
  await site.hosts.join(site.plane, hosts);
  await startMany(site.plane, containers, 200);
  const child = fork(join(import.meta.dirname, 'requests-process.js'));
  const token = adminToken(site.config);
  const ids = [...site.plane.runtime.cellsOf('container').keys()].map((address) => parseAddress(address).id);
  const create = {
    name: 'made',
    image: 'busybox:latest',
    command: ['sleep', '600'],
    environment: { A: 'b' },
  };
  const all: readonly (readonly [string, Asked])[] = [
    ['GET of one', { method: 'GET', paths: ids.map((id) => `/v1/containers/${id}`), body: null }],
    ['list of 1,000', { method: 'GET', paths: ['/v1/containers?all_projects=true&limit=1000'], body: null }],
    ['POST of one', { method: 'POST', paths: ['/v1/containers'], body: JSON.stringify(create) }],
  ];
  for (const [what, asked] of all) {
    const name = `9. ${containers.toLocaleString('en')} containers, ${what}`;
    const ours = await measured(child, { ...asked, origin: site.process.url, token });
    const bare = await beside(child, asked, await answerOf(site.process.url, token, asked));
    tell(name, rateOf(ours), '/s');
    tell(`${name}: p50`, percentile(ours.took, 0.5), 'ms');
    tell(`${name}: p99`, percentile(ours.took, 0.99), 'ms');
    tell(`${name}: bytes of the answer`, ours.bytes / 1024, 'KiB');
    tell(`${name}: a bare route with the same bytes`, rateOf(bare), '/s');
    tell(`${name}: a bare route, p99`, percentile(bare.took, 0.99), 'ms');
    tell(`${name}: of the bare route's rate`, rateOf(ours) / rateOf(bare), '×');
  }
  child.kill();
  await site.stop();
}

const rateOf = ({ took, ms: elapsed }: RequestsReport): number => (took.length / elapsed) * 1_000;

/** @throws Error when a request was not answered with success */
async function measured(
  child: ChildProcess,
  asked: Asked & Pick<RequestsStart, 'origin' | 'token'>,
): Promise<RequestsReport> {
  const load = async (forMs: number): Promise<RequestsReport> => {
    child.send({ ...asked, width, ms: forMs } satisfies RequestsStart);
    return ((await once(child, 'message')) as [RequestsReport])[0];
  };
  await load(warmUpMs);
  const report = await load(ms);
  if (report.failed > 0) throw new Error(`${report.failed} of ${report.took.length} requests failed`);
  return report;
}

async function answerOf(origin: string, token: string, { method, paths, body }: Asked): Promise<string> {
  const answer = await fetch(`${origin}${paths[0]}`, {
    method,
    body,
    headers: {
      'x-auth-token': token,
      'openstack-api-version': 'container 1.40',
      ...(body !== null && { 'content-type': 'application/json' }),
    },
  });
  return answer.text();
}

/** The same server in the same process, with nothing behind it: what is left to us is the rest. */
async function beside(child: ChildProcess, asked: Asked, answer: string): Promise<RequestsReport> {
  const app = Fastify();
  app.route({
    method: asked.method,
    url: '*',
    handler: (_, reply) => reply.code(200).type('application/json').send(answer),
  });
  const origin = await app.listen({ port: 0, host: '127.0.0.1' });
  try {
    return await measured(child, { ...asked, origin, token: '' });
  } finally {
    await app.close();
  }
}
