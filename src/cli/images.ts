/** Commands on images at the hosts' engines, and making one of a container. */
import type { Command } from 'commander';
import { ApiError } from './api-error.ts';
import { CommandFailed } from './command-failed.ts';
import type { CommandContext } from './command-context.ts';
import { createTargets } from './container-target.ts';
import { printJson, printList, printOne } from './terminal.ts';

interface ImageRow {
  readonly uuid: string;
  readonly repo: string;
  readonly tag: string;
  readonly size: string | null;
  readonly host?: string | null;
  readonly status: string;
  readonly status_reason: string | null;
}

/** Of a registry, or of Glance, whose images have ids and no stars. */
interface Hit {
  readonly name: string | null;
  readonly description?: string;
  readonly metadata?: { readonly is_official: boolean; readonly star_count: number };
  readonly id?: string;
  readonly status?: string;
  readonly tags?: readonly string[];
}

/** Between looks at an image that is on its way. */
const lookMs = 300;

const sizeOf = ({ size }: ImageRow): string | null =>
  size === null ? null : `${(Number(size) / 1024 / 1024).toFixed(1)} MiB`;

export function imageCommands(program: Command, context: CommandContext): void {
  const { client, terminal, format, pause } = context;
  const { find } = createTargets(context);
  const pathOf = (idOrName: string): string => `/v1/images/${encodeURIComponent(idOrName)}`;

  /** One for Glance is nobody's any more once it is there. */
  const isStored = async (uuid: string): Promise<boolean> => {
    const { history } = await client().call<{ history: readonly { readonly to: readonly string[] }[] }>(
      'GET',
      `${pathOf(uuid)}/history?limit=1000`,
    );
    return history.at(-1)?.to.includes('stored') ?? false;
  };

  /** Until it is there, or its failure is told. */
  const settled = async (uuid: string): Promise<void> => {
    for (;;) {
      let image: ImageRow;
      try {
        image = await client().call<ImageRow>('GET', pathOf(uuid));
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) if (await isStored(uuid)) return;
        throw error;
      }
      if (image.status === 'present') return;
      if (image.status === 'error')
        throw new CommandFailed(
          `"${image.repo}:${image.tag}" failed: ${image.status_reason ?? 'it is not known why'}`,
          1,
        );
      await pause(lookMs);
    }
  };

  const images = program.command('image').description('images at the hosts’ engines (admins)');
  images
    .command('ls')
    .description('list them')
    .action(async () =>
      printList(terminal, format(), await client().list<ImageRow>('/v1/images', 'images'), {
        id: ({ uuid }) => uuid,
        image: ({ repo, tag }) => `${repo}:${tag}`,
        size: sizeOf,
        host: ({ host }) => host,
        status: ({ status }) => status,
        reason: (row) => row.status_reason,
      }),
    );
  images
    .command('show')
    .description('show one; also one of one’s own')
    .argument('<image>', 'id, or repo:tag where one host has it')
    .action(async (image: string) => printOne(terminal, format(), await client().call('GET', pathOf(image))));
  images
    .command('pull')
    .description('pull one on a host')
    .argument('<image>', 'repo:tag')
    .argument('<host>', 'hostname or id')
    .option('--registry <registry>', 'name or id of the registry whose login is used')
    .option('--wait', 'until it is there')
    .action(async (repo: string, host: string, options: { registry?: string; wait?: boolean }) => {
      const { registry, wait } = options;
      const body = { repo, host, ...(registry === undefined ? {} : { registry }) };
      const begun = await client().call<ImageRow & Readonly<Record<string, unknown>>>(
        'POST',
        '/v1/images',
        body,
      );
      if (wait) await settled(begun.uuid);
      if (format() === 'json') return printJson(terminal, begun);
      terminal.say(wait ? `${repo} is on ${host}` : `${repo} is being pulled on ${host}`);
    });
  images
    .command('rm')
    .description('remove images that no container is made of')
    .argument('<image...>', 'ids, or repo:tag where one host has it')
    .action(async (all: readonly string[]) => {
      for (const image of all) {
        await client().call('DELETE', pathOf(image));
        terminal.say(`${image} is removed`);
      }
    });
  images
    .command('search')
    .description('search the registry of the hosts’ engines, or the cloud’s images')
    .argument('<term>')
    .option('--image-driver <driver>', 'docker: the registry; glance: the cloud’s images')
    .action(async (term: string, { imageDriver }: { imageDriver?: string }) => {
      const query = imageDriver === undefined ? '' : `?image_driver=${encodeURIComponent(imageDriver)}`;
      const found = await client().call<readonly Hit[]>('GET', `${pathOf(term)}/search${query}`);
      printList<Hit>(
        terminal,
        format(),
        found,
        found.some(({ metadata }) => metadata === undefined)
          ? {
              id: ({ id }) => id ?? null,
              name: ({ name }) => name,
              tags: ({ tags }) => tags?.join(', ') ?? null,
              status: ({ status }) => status ?? null,
            }
          : {
              name: ({ name }) => name,
              stars: ({ metadata }) => metadata?.star_count ?? null,
              official: ({ metadata }) => (metadata?.is_official ? 'yes' : ''),
              description: ({ description }) => description ?? null,
            },
      );
    });

  program
    .command('commit')
    .description('make an image of what a container is now, for its project, on its host or in Glance')
    .argument('<container>', 'name, id, or the beginning of an id')
    .argument('<image>', 'repo or repo:tag')
    .option('--wait', 'until it is there')
    .action(async (container: string, image: string, { wait }: { wait?: boolean }) => {
      const { uuid } = await find(container);
      const [repository = '', tag] = image.split(':');
      const query = new URLSearchParams({ repository, ...(tag === undefined ? {} : { tag }) }).toString();
      const made = await client().call<{ uuid: string }>('POST', `/v1/containers/${uuid}/commit?${query}`);
      if (wait) await settled(made.uuid);
      if (format() === 'json') return printJson(terminal, made);
      terminal.say(`${image} ${wait ? 'is made' : 'is being made'} of ${container}: ${made.uuid}`);
    });
}
