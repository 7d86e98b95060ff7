/**
 * What a script does that runs a container with a volume of Cinder, step by step: the attachment, os-brick, the mount, the
 * container, and Cinder told. Nothing is durable, looked at or retried.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { request } from 'undici';
import { program } from '../test/support/run-program.ts';
import { command, image, memoryMib } from './real-site.ts';

type Json = Readonly<Record<string, unknown>>;

export interface CinderAccount {
  /** With the project's id. */
  readonly url: string;
  /** Of somebody with the role `service` in the volume's project: nobody else may end such an attachment. */
  readonly token: string;
}

/** @param step told how long each took @returns what takes it all away */
export async function runByScript(
  { url, token }: CinderAccount,
  docker: Docker,
  volumeId: string,
  step: (name: string, ms: number) => void,
): Promise<() => Promise<void>> {
  const call = async (method: 'POST' | 'DELETE', path: string, body?: object): Promise<Json> => {
    const answer = await request(`${url}/attachments${path}`, {
      method,
      headers: {
        'x-auth-token': token,
        'x-service-token': token,
        'openstack-api-version': 'volume 3.54',
        'content-type': 'application/json',
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`Cinder said: ${text}`);
    return text === '' ? {} : (JSON.parse(text) as Json);
  };
  const timed = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const began = performance.now();
    const result = await work();
    step(name, performance.now() - began);
    return result;
  };
  const connector = await timed('os-brick describes the host', () =>
    brick({ ask: 'connector', host: hostname() }),
  );
  const { id, connection_info: connection } = await timed('Cinder attaches it', async () => {
    const wish = { volume_uuid: volumeId, instance_uuid: randomUUID(), connector, mode: 'rw' };
    const { attachment } = await call('POST', '', { attachment: wish });
    return attachment as { id: string; connection_info: Json };
  });
  const path = String(await timed('os-brick connects it', () => brick({ ask: 'connect', connection })));
  const folder = mkdtempSync(join(tmpdir(), 'troupe-bench-'));
  await timed('mount', () => program('mount', path, folder));
  const container = await timed('the engine starts it', async () => {
    const made = await docker.createContainer({
      Image: image,
      Cmd: command,
      HostConfig: { Memory: memoryMib * 2 ** 20, Binds: [`${folder}:/data`] },
    });
    await made.start();
    return made;
  });
  await timed('Cinder is told', () => call('POST', `/${id}/action`, { 'os-complete': {} }));
  return async () => {
    await container.remove({ force: true });
    await program('umount', folder);
    rmdirSync(folder);
    await brick({ ask: 'disconnect', connection, path });
    await call('DELETE', `/${id}`);
  };
}

/** @see bin/lib/brick.py */
async function brick(question: object): Promise<unknown> {
  const script = join(import.meta.dirname, '..', '..', 'bin', 'lib', 'brick.py');
  const asked = spawn('/usr/bin/python3', ['-I', script], { stdio: ['pipe', 'pipe', 'ignore'] });
  asked.stdin.end(JSON.stringify(question));
  let text = '';
  for await (const part of asked.stdout.setEncoding('utf8')) text += String(part);
  const outcome = JSON.parse(text) as Json;
  if (!('answer' in outcome)) throw new Error(`os-brick said: ${text}`);
  return outcome['answer'];
}
