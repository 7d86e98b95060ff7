/** Commands on the cloud whose people use this site. */
import type { Command } from 'commander';
import type { CommandContext } from './command-context.ts';
import type { BootstrapStep } from './roots.ts';
import { printJson } from './terminal.ts';

interface BootstrapOptions {
  readonly endpoint?: string;
  readonly user: string;
  readonly project: string;
  readonly region?: string;
  readonly replace?: boolean;
  readonly newPassword?: boolean;
}

export function keystoneCommands(
  program: Command,
  { roots, config, terminal, format }: CommandContext,
): void {
  const keystone = program
    .command('keystone')
    .description('the Keystone whose users and projects this site has');
  keystone
    .command('bootstrap')
    .description('make this site known to a cloud: service user, service and endpoints; may be run again')
    .option(
      '--endpoint <url>',
      'what the catalog says; by default api.publicUrl, or where the API listens, and /v1',
    )
    .option('--region <region>', 'region of the endpoints; by default OS_REGION_NAME, or the only one')
    .option('--user <name>', 'Troupe’s own user', 'troupe')
    .option('--project <name>', 'the project of that user', 'service')
    .option('--replace', 'also where the catalog leads to another container service')
    .option('--new-password', 'give Troupe’s own user a new password')
    .addHelpText(
      'after',
      '\nThe admin’s credentials are those of the shell: OS_CLOUD with a clouds.yaml, or OS_AUTH_URL, OS_USERNAME and the like.',
    )
    .action(async (given: BootstrapOptions) => {
      const steps: BootstrapStep[] = [];
      await roots.bootstrapKeystone(
        config(),
        {
          user: given.user,
          project: given.project,
          url: given.endpoint ?? null,
          region: given.region ?? null,
          replace: given.replace === true,
          newPassword: given.newPassword === true,
        },
        (step) => {
          steps.push(step);
          if (format() === 'table') terminal.say(`${step.what}: ${step.outcome}`);
        },
      );
      if (format() === 'json') return printJson(terminal, steps);
      if (config().config.auth.kind !== 'keystone')
        terminal.say('Set auth.kind to keystone, and start Troupe anew: its users are the cloud’s then');
    });
}
