/** Commands on the site: up and down, agents, stores, checks. */
import { Option, type Command } from 'commander';
import { quote } from 'shlex';
import { loadConfig, shownSettings } from '../config/load.ts';
import type { CommandContext } from './command-context.ts';
import type { Parts } from './roots.ts';
import { printJson, printList } from './terminal.ts';

export function siteCommands(program: Command, context: CommandContext): void {
  const { roots, config, client, terminal, format, exit } = context;

  program
    .command('up')
    .description('start Troupe: control plane and host agent in one process')
    .option('-d, --detach', 'in the background; returns once it is ready')
    .option('--control-plane-only', 'without the agent of this host')
    .action(async ({ detach, controlPlaneOnly }: { detach?: boolean; controlPlaneOnly?: boolean }) => {
      const parts: Parts = controlPlaneOnly ? 'control-plane' : 'all';
      if (!detach) return roots.serve(config(), parts);
      const argv = [
        ...context.globalArguments(),
        'up',
        ...(controlPlaneOnly ? ['--control-plane-only'] : []),
      ];
      const { pid, already } = await roots.detach(config(), 'troupe', argv, (text) => terminal.say(text));
      const { url } = roots.address(config().config);
      terminal.say(`Troupe is up${already ? ' already' : ''} (process ${pid}) at ${url}`);
    });

  program
    .command('down')
    .description('stop Troupe and the agent of this state directory; containers run on')
    .action(async () => {
      const stopped = await roots.down(config().config);
      for (const { command, pid } of stopped) terminal.say(`"${command}" (process ${pid}) has stopped`);
      terminal.say(
        stopped.length > 0
          ? 'Containers run on; "troupe up" looks after them again'
          : `Nothing of Troupe ran on ${config().config.state.directory}`,
      );
    });

  program
    .command('env')
    .description('shell exports for the openstack client: eval "$(troupe env)"')
    .action(() => {
      const settings = config().config;
      const url = settings.api.publicUrl === '' ? roots.address(settings).url : settings.api.publicUrl;
      const authority = roots.authorityFile(settings);
      const exports: Readonly<Record<string, string>> = {
        OS_AUTH_TYPE: 'admin_token',
        OS_ENDPOINT: `${url}/v1`,
        OS_TOKEN: roots.adminToken(settings),
        TROUPE_URL: url,
        TROUPE_TOKEN_FILE: roots.tokenFile(settings),
        ...(authority === null ? {} : { OS_CACERT: authority, TROUPE_CA_FILE: authority }),
      };
      if (format() === 'json') return printJson(terminal, exports);
      for (const [name, value] of Object.entries(exports)) terminal.out(`export ${name}=${quote(value)}\n`);
    });

  program
    .command('agent')
    .description('run the host agent of this machine, which dials agent.controlUrl')
    .option('--join <token>', 'join with this one-time token')
    .option('-d, --detach', 'in the background')
    .addOption(
      new Option('--adopt <world>', 'belong to another world from now on, and exit').conflicts([
        'join',
        'detach',
      ]),
    )
    .addHelpText('after', '\nThe first time it needs a token from "troupe join-token".')
    .action(async ({ join, adopt, detach }: { join?: string; adopt?: string; detach?: boolean }) => {
      if (adopt) {
        await roots.adopt(config(), adopt);
        return terminal.say(`This host belongs to world ${adopt} from now on; start its agent`);
      }
      if (!detach) return roots.serveAgent(config(), join ?? null);
      const argv = [...context.globalArguments(), 'agent', ...(join ? ['--join', join] : [])];
      const { pid, already } = await roots.detach(config(), 'agent', argv, (text) => terminal.say(text));
      terminal.say(`The agent is up${already ? ' already' : ''} (process ${pid}); see "troupe hosts"`);
    });

  program
    .command('join-token')
    .description('a one-time token with which one host may join')
    .action(async () => {
      const answer = await client().call<{ join_token: string }>('POST', '/v1/join_tokens');
      if (format() === 'json') printJson(terminal, answer);
      else terminal.out(`${answer.join_token}\n`);
    });

  program
    .command('audit')
    .description('the leak ledger: what has no owner; empty, and exit code 0, when all is well')
    .action(async () => {
      const { audit } = await client().call<{ audit: readonly Readonly<Record<string, unknown>>[] }>(
        'GET',
        '/v1/audit',
      );
      if (audit.length === 0 && format() === 'table') terminal.say('Everything has its owner');
      else
        printList(terminal, format(), audit, {
          problem: (entry) => entry['problem'],
          address: (entry) => entry['address'],
          host: (entry) => entry['hostId'],
          detail: (entry) => entry['detail'],
        });
      if (audit.length > 0) exit(1);
    });

  program
    .command('store')
    .description('the store of a site')
    .command('copy')
    .description('copy the world of this configuration into the store of another; Troupe must be down')
    .requiredOption('--to <file>', 'configuration file whose store is filled; it must be empty')
    .action(async ({ to }: { to: string }) => {
      // The target's file alone says where the copy goes.
      const target = loadConfig({ flags: {}, environment: {}, file: to, usualFiles: [] });
      await roots.copyStore(config(), target);
      terminal.say(`The world has been copied; go on with it by "troupe --config ${quote(to)} up"`);
    });

  program
    .command('doctor')
    .description('check this machine and this site, and say what to do')
    .action(async () => {
      const findings = await roots.doctor(config());
      printList(terminal, format(), findings, {
        check: ({ check }) => check,
        ok: ({ ok }) => ok,
        detail: ({ detail }) => detail,
        'what to do': ({ fix }) => fix,
      });
      if (findings.some(({ ok }) => !ok)) exit(1);
    });

  program
    .command('config')
    .description('the configuration in force, and where each value comes from; no secrets')
    .action(() =>
      printList(terminal, format(), shownSettings(config()), {
        setting: ({ setting }) => setting,
        value: ({ value }) => value,
        source: ({ source }) => source,
      }),
    );
}
