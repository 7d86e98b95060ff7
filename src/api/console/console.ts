/**
 * The operators' console: files that the build made, for everybody; what they
 * show comes from the API, with the caller's own token.
 */
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

/**
 * Nothing but the page's own scripts and styles, and its own server. Workers
 * are bound by the same policy, which comes with their script.
 * @see https://www.w3.org/TR/CSP3/
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const headers: Readonly<Record<string, string>> = {
  'content-security-policy': contentSecurityPolicy,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** @param directory what `npm run build` made: `index.html`, and `assets/` whose names change with their content */
export function consolePages(directory: string) {
  return async (app: FastifyInstance): Promise<void> => {
    await app.register(fastifyStatic, {
      root: directory,
      serve: false,
      preCompressed: true,
      cacheControl: false,
      decorateReply: true,
    });
    const config = { public: true };
    app.get('/console', { config }, (_, reply) =>
      reply.headers(headers).header('cache-control', 'no-cache').sendFile('index.html'),
    );
    app.get<{ Params: { file: string } }>('/console/assets/:file', { config }, (request, reply) =>
      reply
        .headers(headers)
        .header('cache-control', 'public, max-age=31536000, immutable')
        .sendFile(`assets/${request.params.file}`),
    );
  };
}
