/** `GET /v1/containers/X/logs`: one JSON string as Zun answers it, or a stream for those who follow. @see zun-api 2.7 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import { invalidQuery, onlyKnown, queryBoolean, queryInteger } from './values.ts';
import type { ContainerView } from '../../model/container-view.ts';

/** Bytes of a log in one JSON answer; followers get a stream without such a bound. */
const logBytesMost = 8 * 1024 * 1024;

export async function containerLogs(
  controlPlane: ControlPlane,
  { address }: ContainerView,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const asked = request.query as Readonly<Record<string, unknown>>;
  onlyKnown(asked, ['stdout', 'stderr', 'timestamps', 'tail', 'since', 'follow']);
  const follow = queryBoolean('follow', asked['follow'], false);
  const gone = new AbortController();
  request.raw.on('close', () => gone.abort());
  const source = await controlPlane.logs(
    address,
    {
      stdout: queryBoolean('stdout', asked['stdout'], true),
      stderr: queryBoolean('stderr', asked['stderr'], true),
      timestamps: queryBoolean('timestamps', asked['timestamps'], false),
      tail: tail(asked['tail']),
      sinceSeconds: since(asked['since']),
      follow,
    },
    gone.signal,
  );
  if (follow) {
    reply.raw.on('close', () => source.destroy());
    void reply.type('text/plain; charset=utf-8').send(source);
    // A container that is silent is followed, too.
    reply.raw.flushHeaders();
    return reply;
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of source) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes > logBytesMost) break;
    }
  } catch (error) {
    throw new TroupeError('HOST_UNREACHABLE', 'The host went away while it told the log; try again', {
      cause: error,
    });
  }
  const log = Buffer.concat(chunks, Math.min(bytes, logBytesMost)).toString('utf8');
  const note =
    bytes > logBytesMost ? `\n[Troupe: cut after ${logBytesMost} bytes; ask for a tail, or follow]\n` : '';
  return reply.type('application/json').send(JSON.stringify(log + note));
}

function tail(value: unknown): number | 'all' {
  if (value === undefined || value === 'all' || value === 'None') return 'all';
  return queryInteger('tail', value, 0, 0);
}

/** Epoch seconds, or `YYYY-MM-DD HH:MM:SS,fff` in UTC. */
function since(value: unknown): number {
  if (value === undefined || value === 'None' || value === '') return 0;
  const text = String(value);
  if (/^\d{1,12}$/.test(text)) return Number(text);
  const time = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d([.,]\d+)?$/.test(text)
    ? Date.parse(`${text.replace(',', '.').replace(' ', 'T')}Z`)
    : Number.NaN;
  if (Number.isNaN(time) || time < 0)
    throw invalidQuery('since', value, 'It must be epoch seconds or YYYY-MM-DD HH:MM:SS,fff');
  return time / 1000;
}
