/** A Troupe whose networks are those of the real Neutron, and what tests do on it: bootstrapped, started, and gone when the test ends. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { testImage } from '../cli/engine/command-site.ts';
import { docker, until } from '../support/troupe.ts';
import type { Cloud } from './cloud.ts';
import { createKeystoneSite, start, type Answer, type KeystoneSite } from './keystone-site.ts';

export interface Address {
  readonly addr: string;
  readonly port: string;
  readonly subnet_id: string;
  readonly preserve_on_delete: boolean;
}

export interface Container {
  readonly uuid: string;
  readonly name: string;
  readonly status: string;
  readonly status_reason: string | null;
  readonly task_state: string | null;
  readonly addresses: Readonly<Record<string, readonly Address[]>>;
  readonly security_groups: readonly string[];
}

export interface NeutronSite {
  readonly site: KeystoneSite;
  call(method: string, path: string, token: string, body?: unknown): Promise<Answer>;
  /** One that sleeps, accepted. @throws Error when it is not */
  create(token: string, body: object): Promise<Container>;
  /** Waits until Troupe asks Neutron again, which has failed it. */
  awaitNeutron(token: string): Promise<void>;
  show(token: string, uuid: string): Promise<Container>;
  /** Waits until its status is this one. */
  reach(token: string, uuid: string, status: string): Promise<Container>;
  /** Created, and running. */
  run(token: string, body?: object): Promise<Container>;
  remove(token: string, uuid: string): Promise<void>;
  /** Waits until it has an address on a network that it was attached to. @param network its id */
  awaitNetwork(token: string, uuid: string, network: string): Promise<Container>;
  /** Starts the sandbox of a container anew while Troupe is killed; once Troupe has seen it, the container is rebooted. */
  breach(token: string, uuid: string): Promise<void>;
  /** What a command in the container says, and its exit code. */
  inside(
    uuid: string,
    ...command: readonly string[]
  ): Promise<{ readonly code: number; readonly out: string }>;
  audit(): Promise<readonly unknown[]>;
  /** Kills control plane and agent at once. */
  kill(): void;
}

/**
 * @param pool how many sandboxes are made ahead at most; none by default
 * @param region where the cloud's services are looked for
 */
export const createNeutronSite = (
  t: Pick<Test, 'teardown'>,
  cloud: Cloud,
  pool: object = {},
  region = 'RegionOne',
): Promise<NeutronSite> => createCloudSite(t, cloud, region, { network: { driver: 'neutron' }, site: pool });

/** @param region where the cloud's services are looked for; null = in its own, as a site of one region has it */
export async function createCloudSite(
  t: Pick<Test, 'teardown'>,
  cloud: Cloud,
  region: string | null,
  { site: ofSite, deadlines, ...settings }: Readonly<Record<string, object>>,
): Promise<NeutronSite> {
  const site = await createKeystoneSite(
    t,
    cloud,
    { timeoutMs: 4_000 },
    { ...settings, site: { poolCeiling: 0, ...ofSite }, deadlines: { sandboxMs: 60_000, ...deadlines } },
  );
  const bootstrapped = await site.bootstrap();
  if (bootstrapped.code !== 0) throw new Error(bootstrapped.err);
  // Its own endpoint is in a region of the test's, those of the services elsewhere.
  const path = join(site.site.directory, 'state', 'clouds.yaml');
  if (region === null) await cloud.copyServices(site.region);
  else writeFileSync(path, readFileSync(path, 'utf8').replace(/region_name: .*/, `region_name: ${region}`));
  await start(site);
  const call: NeutronSite['call'] = (method, path_, token, body) =>
    site.call(method, path_, token, body === undefined ? {} : { body });

  const engineContainer = async (uuid: string) => {
    const [found] = await docker.listContainers({ filters: { label: [`troupe.container-id=${uuid}`] } });
    return found!;
  };

  const neutronSite: NeutronSite = {
    site,
    call,
    async create(token, body) {
      const answer = await call('POST', '/v1/containers?run=true', token, {
        image: testImage,
        // It ends when it is asked to.
        command: ['sh', '-c', 'trap exit TERM; while :; do sleep 1 & wait; done'],
        ...body,
      });
      if (answer.status !== 202) throw new Error(`It was not accepted: ${answer.text}`);
      return answer.json as unknown as Container;
    },
    awaitNeutron: async (token) =>
      void (await until(
        'Neutron is asked again',
        () => call('GET', '/v1/networks', token),
        ({ status }) => status === 200,
      )),
    show: async (token, uuid) =>
      (await call('GET', `/v1/containers/${uuid}`, token)).json as unknown as Container,
    reach: (token, uuid, status) =>
      until(
        `${uuid} ${status}`,
        () => neutronSite.show(token, uuid),
        (container) => {
          if (container.status === 'Error' && status !== 'Error')
            throw new Error(`It is in Error: ${container.status_reason}`);
          return container.status === status && container.task_state === null;
        },
        120_000,
      ),
    async run(token, body = {}) {
      const { uuid } = await neutronSite.create(token, body);
      return neutronSite.reach(token, uuid, 'Running');
    },
    async remove(token, uuid) {
      await call('DELETE', `/v1/containers/${uuid}?stop=true`, token);
      await until(
        `the end of ${uuid}`,
        () => call('GET', `/v1/containers/${uuid}`, token),
        ({ status }) => status === 404,
      );
    },
    awaitNetwork: (token, uuid, network) =>
      until(
        `${uuid} on ${network}`,
        () => neutronSite.show(token, uuid),
        ({ addresses, task_state }) => network in addresses && task_state === null,
      ),
    async breach(token, uuid) {
      const found = await engineContainer(uuid);
      neutronSite.kill();
      await docker.getContainer(`troupe-sandbox-${found.Labels['troupe.sandbox-id']}`).restart({ t: 0 });
      await start(site);
      await until(
        'the breach',
        () => neutronSite.show(token, uuid),
        ({ status_reason: reason }) => /network is gone/.test(reason ?? ''),
      );
      await call('POST', `/v1/containers/${uuid}/reboot?timeout=0`, token);
    },
    async inside(uuid, ...command) {
      const found = await engineContainer(uuid);
      const exec = await docker
        .getContainer(found.Id)
        .exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true, Tty: true });
      const stream = await exec.start({ Tty: true });
      let out = '';
      stream.on('data', (bytes: Buffer) => (out += bytes.toString()));
      await new Promise((resolve) => stream.once('end', resolve));
      const { ExitCode } = await until(
        'the end of the command',
        () => exec.inspect(),
        ({ Running }) => !Running,
      );
      return { code: ExitCode ?? -1, out };
    },
    async audit() {
      const { code, out, err } = await site.site.run('audit', '-o', 'json');
      if (code !== 0 && out === '') throw new Error(err);
      return JSON.parse(out) as readonly unknown[];
    },
    kill() {
      const state = join(site.site.directory, 'state');
      const { pid } = JSON.parse(readFileSync(join(state, 'troupe.pid'), 'utf8')) as { pid: number };
      process.kill(pid, 'SIGKILL');
    },
  };
  return neutronSite;
}
