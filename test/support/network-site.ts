/** A Troupe of a test's own whose containers have networks, and what is seen of them from inside and from the host. */
import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Docker from 'dockerode';
import type { Test } from 'tap';
import { tokenHash } from '../../src/api/auth/static-tokens.ts';
import { program } from './run-program.ts';
import { createSite, testImage, until, type Json, type TestSite } from './troupe.ts';

export interface Container extends Json {
  readonly name: string;
  readonly hostname: string;
  readonly addresses: Readonly<Record<string, readonly { readonly addr: string; readonly port: string }[]>>;
}

export interface NetworkSite extends TestSite {
  readonly docker: Docker;
  /** A token of another project. */
  readonly otherToken: string;
  /** Started again when it was killed. */
  up(): Promise<void>;
  kill(): Promise<void>;
  /** As by SIGTERM. */
  stop(): Promise<void>;
  /** Creates, and waits until it runs. */
  run(name: string, body?: object, token?: string): Promise<Container>;
  reach(uuid: string, status: string): Promise<Container>;
  remove(...uuids: readonly string[]): Promise<void>;
  /** Runs a command in it by the engine; its output. */
  inside(
    uuid: string,
    ...command: readonly string[]
  ): Promise<{ readonly code: number; readonly out: string }>;
  /** Of its sandbox, at the engine. */
  sandboxOf(uuid: string): Promise<Docker.Container>;
  /** In the names of its firewall's tables; once a container has run. */
  worldMark(): string;
  /** What there is of this world on the machine: sandboxes, links, tables. */
  remains(): Promise<readonly string[]>;
  emptyLedger(): Promise<void>;
}

const script = join(import.meta.dirname, '..', 'main', 'all-in-one-process.js');

/** @param socket of the engine it uses */
export async function createNetworkSite(
  t: Test,
  settings: readonly string[] = [],
  socket = '/var/run/docker.sock',
): Promise<NetworkSite> {
  const site = await createSite(['network.mode=own', `engine.socket=${socket}`, ...settings], socket);
  const docker = new Docker({ socketPath: socket });
  const { api } = site;
  const otherToken = 'another-project-of-this-test';
  let process: ChildProcess | null = null;
  t.teardown(() => site.clean());

  const engineContainer = async (uuid: string): Promise<Docker.Container> => {
    const [found] = await docker.listContainers({
      all: true,
      filters: { label: [`troupe.container-id=${uuid}`] },
    });
    return docker.getContainer(found!.Id);
  };
  let world: string | null = null;

  const network: NetworkSite = {
    ...site,
    api,
    docker,
    otherToken,
    async up() {
      process = site.start(script, site.settings);
      await once(process, 'message');
      const path = join(site.directory, 'tokens.json');
      const { tokens } = JSON.parse(readFileSync(path, 'utf8')) as { tokens: { userId: string }[] };
      if (!tokens.some(({ userId }) => userId === 'other')) {
        const sha256 = tokenHash(otherToken);
        const identity = { userId: 'other', userName: 'other', projectId: 'other', projectName: 'other' };
        writeFileSync(path, JSON.stringify({ tokens: [...tokens, { sha256, ...identity, roles: [] }] }));
      }
      await until(
        'an online host',
        () => api.call<{ hosts: { state: string }[] }>('GET', '/v1/hosts'),
        (answer) => answer?.body.hosts?.[0]?.state === 'online',
      );
    },
    async kill() {
      const gone = once(process!, 'exit');
      process!.kill('SIGKILL');
      await gone;
    },
    async stop() {
      const gone = once(process!, 'exit');
      process!.kill('SIGTERM');
      await gone;
    },
    async run(name, body = {}, token) {
      const created = await api.call(
        'POST',
        '/v1/containers?run=true',
        { name, image: testImage, command: ['sleep', '600'], ...body },
        token === undefined ? {} : { 'x-auth-token': token },
      );
      if (created?.status !== 202) throw new Error(`"${name}" was refused: ${JSON.stringify(created?.body)}`);
      const container = await network.reach(created.body.uuid, 'Running');
      world ??= (await (await engineContainer(container.uuid)).inspect()).Config.Labels['troupe.world']!;
      return container;
    },
    async reach(uuid, status) {
      const answer = await until(
        `${uuid} to be ${status}`,
        () => api.call<Container>('GET', `/v1/containers/${uuid}`),
        (given) => given?.body.status === status || (given?.body.status === 'Error' && status !== 'Error'),
      );
      if (answer!.body.status !== status)
        throw new Error(`${uuid} is in Error: ${String(answer!.body['status_reason'])}`);
      return answer!.body;
    },
    async remove(...uuids) {
      for (const uuid of uuids) await api.call('DELETE', `/v1/containers/${uuid}?force=true`);
      for (const uuid of uuids)
        await until(
          'its end',
          () => api.call('GET', `/v1/containers/${uuid}`),
          (answer) => answer?.status === 404,
        );
    },
    async inside(uuid, ...command) {
      const { id } = await engineContainer(uuid);
      try {
        return { code: 0, out: await program('docker', '-H', `unix://${socket}`, 'exec', id, ...command) };
      } catch (error) {
        return { code: 1, out: String(error) };
      }
    },
    async sandboxOf(uuid) {
      const { Config } = await (await engineContainer(uuid)).inspect();
      return docker.getContainer(`troupe-sandbox-${Config.Labels['troupe.sandbox-id']}`);
    },
    worldMark: () => `troupe_${world?.slice(0, 8)}`,
    async remains() {
      if (world === null) return [];
      const found = await docker.listContainers({ all: true, filters: { label: [`troupe.world=${world}`] } });
      const told = await Promise.all([program('ip', 'link', 'show'), program('nft', 'list', 'tables')]);
      const marks = [world, network.worldMark()];
      const lines = told.flatMap((text) => text.split('\n'));
      return [
        ...found.map(({ Names }) => Names.join()),
        ...lines.filter((line) => marks.some((mark) => line.includes(mark))),
      ];
    },
    async emptyLedger() {
      await until(
        'an empty ledger',
        () => api.call<{ audit: { problem: string }[] }>('GET', '/v1/audit'),
        (answer) =>
          answer?.status === 200 && answer.body.audit.every(({ problem }) => problem === 'of-another-world'),
      );
    },
  };
  return network;
}

/** The only address of a container. */
export function addressOf({ addresses }: Container): string {
  const [address, ...others] = Object.values(addresses).flat();
  if (!address || others.length > 0) throw new Error(`Not one address: ${JSON.stringify(addresses)}`);
  return address.addr;
}
