/**
 * Checks requests by their schemas, and tells the schemas as an OpenAPI 3.1
 * document: `GET /v1/openapi.json`. A route that has no schema is not in it, which a test takes amiss.
 */
import swagger from '@fastify/swagger';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { Type, type TSchema } from 'typebox';
import { maximumVersion, minimumVersion } from '../zun/microversion.ts';
import { components, errorAnswer } from './components.ts';
import { routeSchemas, type RouteSchema } from './routes.ts';
import { requestCheck } from './validate.ts';

const json = 'application/json';
const id = Type.String({ minLength: 1, description: 'UUID or name' });

const about = `Containers on the hosts of an OpenStack site. What Zun has is here as Zun has it, microversions 1.${minimumVersion} to 1.${maximumVersion}; the
rest is Troupe's own.

Every path may be written without \`/v1\`, and with doubled or trailing slashes. Actions take what they are told in the query, the
body, or both. Every answer has \`x-openstack-request-id\`. Errors are told in one envelope (\`Error\`); a resource of another
project is not found. \`/v1/watch\`, \`/v1/sessions\` and \`/link\` are WebSockets, and not told here.`;

const version = Type.String({
  description: `The microversion, "container 1.N" from 1.${minimumVersion} to 1.${maximumVersion}, or "container latest"; 1.${minimumVersion} when it is left out. The answer names the one that was used`,
  examples: [`container 1.${maximumVersion}`],
});

/** Before any route is registered. */
export async function describeRoutes(app: FastifyInstance): Promise<void> {
  app.setValidatorCompiler(requestCheck as never);
  // Answers are told, and go out as the routes gave them.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  for (const [name, schema] of Object.entries(components)) app.addSchema({ $id: name, ...schema });
  await app.register(swagger, {
    // Pages, and what they are made of.
    hideUntagged: true,
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Troupe',
        description: about,
        version: `1.${maximumVersion}`,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: [
        { name: 'Zun', description: 'As OpenStack Zun has it' },
        { name: 'Troupe', description: 'Beyond Zun' },
        { name: 'Site', description: 'For who runs the site' },
      ],
      components: {
        securitySchemes: {
          token: {
            type: 'apiKey',
            in: 'header',
            name: 'X-Auth-Token',
            description: 'A token of Keystone, or of the site',
          },
        },
      },
      security: [{ token: [] }],
    },
    refResolver: { buildLocalReference: (schema) => String(schema['$id']) },
  });
  app.addHook('onRoute', (route) => {
    const method = String([route.method].flat()[0]);
    const known = routeSchemas.get(`${method === 'HEAD' ? 'GET' : method} ${route.url}`);
    if (route.config?.wrongMethod) route.schema = { hide: true } as FastifySchema;
    else if (known) route.schema = fastifySchema(known, route.url, route.config?.public === true, method);
  });
  app.get('/v1/openapi.json', { config: { public: true } }, (_request, reply) =>
    reply.type(json).send(JSON.stringify(app.swagger())),
  );
}

function fastifySchema(route: RouteSchema, url: string, isPublic: boolean, method: string): FastifySchema {
  const {
    tag,
    summary,
    since,
    until,
    query,
    body,
    takes = [json],
    gives = [json],
    headers = {},
    answers,
  } = route;
  const params = [...url.matchAll(/:(\w+)/g)].map(([, name]) => [name!, id] as const);
  const given = {
    ...(url.startsWith('/v1/') && !isPublic ? { 'openstack-api-version': Type.Optional(version) } : {}),
    ...Object.fromEntries(Object.entries(headers).map(([name, schema]) => [name, Type.Optional(schema)])),
  };
  const versions = `${since === undefined ? '' : ` From microversion 1.${since}.`}${until === undefined ? '' : ` Up to microversion 1.${until}.`}`;
  const isJson = takes.length === 1;
  return {
    tags: [tag],
    summary,
    operationId: operationIdOf(method, url),
    ...(versions === '' ? {} : { description: versions.trim() }),
    ...(since === undefined ? {} : { 'x-openstack-min-version': `1.${since}` }),
    ...(until === undefined ? {} : { 'x-openstack-max-version': `1.${until}` }),
    ...(isPublic ? { security: [] } : {}),
    ...(params.length > 0 ? { params: Type.Object(Object.fromEntries(params)) } : {}),
    ...(query ? { querystring: query } : {}),
    ...(Object.keys(given).length > 0 ? { headers: Type.Object(given) } : {}),
    ...(body
      ? {
          body: isJson
            ? body
            : {
                content: Object.fromEntries(
                  takes.map((type) => [type, { schema: type === json ? body : {} }]),
                ),
              },
        }
      : {}),
    response: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, schema]) => [
          status,
          status === '204'
            ? { type: 'null', description: 'Nothing' }
            : {
                description: descriptionOf(schema),
                content: Object.fromEntries(
                  gives.map((type) => [type, { schema: type === json ? schema : { type: 'string' } }]),
                ),
              },
        ]),
      ),
      default: { description: 'An error', content: { [json]: { schema: errorAnswer } } },
    },
  } as FastifySchema;
}

const descriptionOf = (schema: TSchema): string =>
  (schema as { readonly description?: string }).description ??
  String((schema as { readonly $ref?: string }).$ref ?? 'Done').replace('#', '');

/** `get_v1_containers_id_logs`: what generated clients call it. */
const operationIdOf = (method: string, url: string): string =>
  `${method.toLowerCase()}${url.replaceAll(/[^A-Za-z0-9]+/g, '_').replace(/_$/, '')}`;
