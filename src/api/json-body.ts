/**
 * Bodies of requests. Zun takes an unreadable one for an empty one, and its
 * clients send content types with no content, so only what is there and is
 * not JSON by its own word is refused.
 */
import type { FastifyInstance } from 'fastify';
import { TroupeError } from '../errors/errors.ts';

const bodyMostBytes = 1024 * 1024;
/** Levels of a body; a capsule's template has ten. */
const depthMost = 32;
const json = /^application\/([\w.-]+\+)?json\b/i;

export const bodyLimit = bodyMostBytes;

export function takeJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, async (request: { headers: object }, body: string) => {
    const type = (request.headers as Record<string, string | undefined>)['content-type'];
    if (body === '') return {};
    if (type !== undefined && !json.test(type)) throw unsupported(type);
    if (isDeeperThan(body, depthMost))
      throw new TroupeError('INVALID_INPUT', `The body is nested in more than ${depthMost} levels`);
    return objectIn(body);
  });
}

function objectIn(text: string): object {
  try {
    const parsed = JSON.parse(text) as unknown;
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? parsed : {};
  } catch {
    return {};
  }
}

/** Looked at before it is parsed: what prints or compares a body later calls itself once per level. */
function isDeeperThan(text: string, most: number): boolean {
  let depth = 0;
  let isString = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (isString) {
      if (character === '\\') index += 1;
      else if (character === '"') isString = false;
    } else if (character === '"') isString = true;
    else if (character === '{' || character === '[') {
      depth += 1;
      if (depth > most) return true;
    } else if (character === '}' || character === ']') depth -= 1;
  }
  return false;
}

const unsupported = (type: string): Error =>
  Object.assign(new Error(`The body must be JSON (Content-Type: application/json), not "${type}"`), {
    statusCode: 415,
  });
