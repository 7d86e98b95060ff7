/** `troupe cp`: files into a container and out of it, as `docker cp` does it. */
import { stat } from 'node:fs/promises';
import { basename, dirname, posix, resolve } from 'node:path';
import type { Command } from 'commander';
import { isDirectory, isSymbolicLink } from '../model/archive.ts';
import { ApiError } from './api-error.ts';
import { CommandFailed } from './command-failed.ts';
import type { CommandContext } from './command-context.ts';
import { createTargets } from './container-target.ts';
import { packed } from './packed.ts';
import { unpack } from './unpack.ts';

const usage = 2;

interface Remote {
  readonly container: string;
  readonly path: string;
}

export function copyCommand(program: Command, context: CommandContext): void {
  const { client, terminal } = context;
  const { find } = createTargets(context);

  const urlOf = (uuid: string, action: 'get_archive' | 'put_archive', path: string): string =>
    `/v1/containers/${uuid}/${action}?${new URLSearchParams({ path })}`;

  /** Whether something is put into what is there; null when nothing is. */
  const isFolder = async (uuid: string, path: string): Promise<boolean | null> => {
    try {
      const found = await client().stat(urlOf(uuid, 'get_archive', path));
      return isDirectory(found) || isSymbolicLink(found);
    } catch (error) {
      if (error instanceof ApiError && error.status === 400) return null;
      throw error;
    }
  };

  const send = async (source: string, { container, path }: Remote): Promise<void> => {
    const local = await stat(source).catch((error: Error) => {
      throw new CommandFailed(`"${source}" can't be read: ${error.message}`, 1);
    });
    const { uuid, name } = await find(container);
    const there = await isFolder(uuid, path);
    if (there === false && local.isDirectory())
      throw new CommandFailed(`"${path}" of ${name} is a file; a folder can't take its place`, 1);
    if (there === null && path.endsWith('/'))
      throw new CommandFailed(`"${path}" of ${name} is not there; make it first`, 1);
    const [folder, called] = there
      ? [path, basename(resolve(source))]
      : [posix.dirname(path), posix.basename(path)];
    const tar = packed(source, called, (left) =>
      terminal.say(`left out: "${left}" is no file, folder or link`),
    );
    await client().upload(urlOf(uuid, 'put_archive', folder), tar);
    terminal.say(`copied ${source} to ${name}:${posix.join(folder, called)}`);
  };

  const fetch = async ({ container, path }: Remote, target: string): Promise<void> => {
    const { uuid, name } = await find(container);
    const isThere = await stat(target).then(
      (found) => found.isDirectory(),
      () => null,
    );
    if (isThere === null && !(await isFolderHere(dirname(resolve(target)))))
      throw new CommandFailed(`"${dirname(target)}" is no folder; make it first`, 1);
    const { stat: found, tar } = await client().download(urlOf(uuid, 'get_archive', path));
    if (isThere === false && isDirectory(found)) {
      tar.destroy();
      throw new CommandFailed(`"${target}" is a file; a folder can't take its place`, 1);
    }
    const folder = isThere ? target : dirname(resolve(target));
    const called = basename(resolve(target));
    // Its tar begins each name with its own.
    const { files, left } = await unpack(tar, folder, (each) =>
      isThere || found.name === '/'
        ? each
        : [called, ...each.replace(/^\.\//, '').split('/').slice(1)].join('/'),
    );
    for (const each of left) terminal.say(`left out: ${each}`);
    terminal.say(`copied ${name}:${path} to ${target}: ${files} ${files === 1 ? 'file' : 'files'}`);
  };

  program
    .command('cp')
    .description('copy files into a container, or out of it, whether it runs or not')
    .argument('<source>', 'a path here, or CONTAINER:PATH')
    .argument('<target>', 'a path here, or CONTAINER:PATH')
    .addHelpText(
      'after',
      `
A path here that has a colon is written with a slash before it: ./a:b
Examples:
  troupe cp site.conf web:/etc/nginx/
  troupe cp web:/var/log/nginx ./logs`,
    )
    .action((source: string, target: string) => {
      const [from, to] = [remoteOf(source), remoteOf(target)];
      if (from && !to) return fetch(from, target);
      if (to && !from) return send(source, to);
      throw new CommandFailed('One of the two must be CONTAINER:PATH, and the other a path here', usage);
    });
}

/** `CONTAINER:PATH`; null for a path here. */
function remoteOf(text: string): Remote | null {
  const at = text.indexOf(':');
  const slash = text.indexOf('/');
  if (at < 1 || at === text.length - 1 || (slash >= 0 && slash < at)) return null;
  const path = text.slice(at + 1);
  return { container: text.slice(0, at), path: path.startsWith('/') ? path : `/${path}` };
}

const isFolderHere = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
