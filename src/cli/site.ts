/** Commands on the site: up and down, hosts, stores, audits. */
import type { Command } from 'commander';
import { WebSocket } from 'ws';
import { loadConfig, type LoadedConfig } from '../config/load.ts';
import { ApiError, type Client } from './client.ts';
import type { Roots } from './roots.ts';
import { print, type Format, type Terminal } from './terminal.ts';

export interface SiteCommands {
  readonly roots: Roots;
  readonly client: () => Client;
  readonly config: () => LoadedConfig;
  readonly flags: () => Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
  readonly format: () => Format;
  readonly exit: (code: number) => void;
}

export function siteCommands(
  program: Command,
  { roots, client, config, flags, environment, terminal, format, exit }: SiteCommands,
): void {
  program
    .command('up')
    .description('start Troupe: control plane and host agent in one process')
    .option('-d, --detach', 'in the background')
    .option('--control-plane-only', 'without the agent of this host')
    .action(async ({ detach, controlPlaneOnly }: { detach?: boolean; controlPlaneOnly?: boolean }) => {
      const parts = controlPlaneOnly ? 'control-plane' : 'all';
      if (!detach) return roots.up(config().config, parts);
      const pid = await roots.upDetached(config().config, flags(), parts, (text) => terminal.say(text));
      terminal.say(`Troupe is up (process ${pid}) at ${roots.connection(config().config).url}`);
    });

  program
    .command('down')
    .description('stop Troupe; containers run on')
    .action(async () => {
      const ran = await roots.down(config().config);
      terminal.say(ran ? 'Troupe is down; its containers run on' : 'Troupe was not up');
    });

  program
    .command('env')
    .description('shell exports for the openstack client: eval "$(troupe env)"')
    .action(() => {
      const { url, token } = roots.connection(config().config);
      const exports = {
        OS_AUTH_TYPE: 'admin_token',
        OS_ENDPOINT: `${url}/v1`,
        OS_TOKEN: token,
        TROUPE_URL: url,
        TROUPE_TOKEN_FILE: roots.tokenFile(config().config),
      };
      for (const [name, value] of Object.entries(exports)) terminal.out(`export ${name}='${value}'\n`);
    });

  program
    .command('agent')
    .description('run a host agent on this machine')
    .option('--join <token>', 'join with this one-time token')
    .option('--adopt <world>', 'belong to another world from now on, and exit')
    .action(async ({ join, adopt }: { join?: string; adopt?: string }) => {
      if (adopt) return roots.adopt(config().config, adopt);
      return roots.agent(config().config, join ?? null);
    });

  program
    .command('join-token')
    .description('a one-time token with which one host may join')
    .action(async () =>
      terminal.out(
        `${(await client().call<{ join_token: string }>('POST', '/v1/join_tokens')).join_token}\n`,
      ),
    );

  const hosts = program.command('hosts').description('list hosts');
  hosts.action(async () => {
    const { hosts: found } = await client().call<{ hosts: Record<string, unknown>[] }>('GET', '/v1/hosts');
    print(terminal, format(), found, [
      'uuid',
      'hostname',
      'state',
      'admission',
      'total_containers',
      'cpus',
      'cpu_used',
      'mem_total',
      'mem_used',
      'engine',
      'reason',
    ]);
  });
  for (const verb of ['cordon', 'uncordon'] as const) {
    hosts
      .command(verb)
      .description(verb === 'cordon' ? 'place nothing new there' : 'place there again')
      .argument('<host>')
      .action(async (host: string) => {
        await client().call('POST', `/v1/hosts/${encodeURIComponent(host)}/${verb}`);
        terminal.say(`${verb}ed ${host}`);
      });
  }

  program
    .command('audit')
    .description('what has no owner; nothing when all is well')
    .action(async () => {
      const { audit } = await client().call<{ audit: Record<string, unknown>[] }>('GET', '/v1/audit');
      if (format() === 'json') terminal.out(`${JSON.stringify(audit, null, 2)}\n`);
      else if (audit.length > 0) print(terminal, 'table', audit, ['problem', 'address', 'hostId', 'detail']);
      else terminal.say('Everything has its owner');
      if (audit.length > 0) exit(1);
    });

  program
    .command('watch')
    .description('follow every change, one JSON object a line')
    .option('-a, --all-projects', 'of all projects (admins)')
    .option('--id <id>', 'of one actor')
    .option('--kind <kind...>', 'container, host, tenant')
    .option('--from <position>', 'resume after this position')
    .action(
      async ({
        allProjects,
        id,
        kind,
        from,
      }: {
        allProjects?: boolean;
        id?: string;
        kind?: string[];
        from?: string;
      }) => {
        const { url, token } = client();
        const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/v1/watch`);
        await new Promise<void>((resolve, reject) => {
          socket.on('open', () => {
            const wish = {
              token,
              all_projects: allProjects === true,
              ...(id ? { id } : {}),
              ...(kind ? { kinds: kind } : {}),
              ...(from ? { from } : {}),
            };
            socket.send(JSON.stringify(wish));
          });
          socket.on('message', (data: Buffer) => terminal.out(`${data.toString('utf8')}\n`));
          socket.on('error', (error) =>
            reject(new ApiError(503, `Troupe does not answer at ${url}: ${error.message}`, null)),
          );
          socket.on('close', (code, reason) =>
            code === 1000 || code === 1001
              ? resolve()
              : reject(new ApiError(400, reason.toString() || `closed with ${code}`, null)),
          );
        });
      },
    );

  program
    .command('store')
    .description('the store of a site')
    .command('copy')
    .description('copy the world of this configuration into the store of another')
    .requiredOption('--to <file>', 'configuration file whose store is filled; it must be empty')
    .action(async ({ to }: { to: string }) => {
      const target = loadConfig({
        flags: {},
        environment: withoutSettings(environment),
        file: to,
        usualFiles: [],
      });
      await roots.copyStore(config().config, target.config);
      terminal.say('The world has been copied; start Troupe with the other configuration');
    });

  program
    .command('doctor')
    .description('check this machine and this site, and say what to do')
    .action(async () => {
      const findings = await roots.doctor(config().config);
      print(
        terminal,
        format(),
        findings.map(({ check, ok, detail, fix }) => ({ check, ok, detail, fix })),
        ['check', 'ok', 'detail', 'fix'],
      );
      if (findings.some(({ ok }) => !ok)) exit(1);
    });

  const settings = program
    .command('config')
    .description('the configuration in force, and where each value comes from');
  settings.action(() => {
    const { config: values, sources } = config();
    const rows = [...sources].map(([setting, source]) => {
      const [section = '', key = ''] = setting.split('.');
      const value = (values as unknown as Record<string, Record<string, unknown>>)[section]?.[key];
      return { setting, value: /password/i.test(key) && value ? '***' : value, source };
    });
    print(terminal, format(), rows, ['setting', 'value', 'source']);
  });
}

/** The target's file alone says where the copy goes. */
const withoutSettings = (environment: Readonly<Record<string, string | undefined>>) =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => !/^TROUPE_[A-Z]+__/.test(name)));
