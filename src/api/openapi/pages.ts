/** `/docs`: the OpenAPI document to look through, and to try it with a token of one's own. Nothing comes from elsewhere. */
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema } from 'fastify';

/** The page's own scripts and styles; its pictures are in them. @see https://www.w3.org/TR/CSP3/ */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export async function documentPages(app: FastifyInstance): Promise<void> {
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, public: true };
    route.schema = { hide: true } as FastifySchema;
  });
  app.addHook('onSend', async (_request, reply) => {
    reply.headers({ 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff' });
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: contentSecurityPolicy,
    uiConfig: {
      url: '/v1/openapi.json',
      docExpansion: 'none',
      persistAuthorization: false,
      validatorUrl: null,
      tryItOutEnabled: false,
    },
    theme: { title: 'Troupe' },
  });
}
