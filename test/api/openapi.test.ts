/** The API describes itself: every route, by the schemas that check requests, in a document that is OpenAPI 3.1. */
import { Validator } from '@seriousme/openapi-schema-validator';
import t from 'tap';
import { createApiSite, type Json } from './site.ts';

const site = await createApiSite(t);
const answer = await site.call('GET', '/v1/openapi.json', { as: null });
const document = answer.json as unknown as OpenApi;

interface Operation extends Json {
  readonly summary: string;
  readonly security?: readonly object[];
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<Record<string, { readonly content?: Json }>>;
}
interface OpenApi {
  readonly openapi: string;
  readonly security: readonly object[];
  readonly components: {
    readonly schemas: Readonly<Record<string, Json>>;
    readonly securitySchemes: Readonly<Record<string, Json>>;
  };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** Pages, and what they are made of. */
const isPage = (path: string): boolean => path.startsWith('/console') || path.startsWith('/docs');

t.test('it is a document, for everybody', async (t) => {
  t.equal(answer.status, 200);
  t.match(answer.headers['content-type'], /^application\/json/);
  t.equal(document.openapi, '3.1.0');
  const checked = await new Validator().validate(structuredClone(document) as never);
  t.same(checked, { valid: true }, JSON.stringify(checked.errors));
});

t.test('every route is in it, with a schema', async (t) => {
  const told = new Set(
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    ),
  );
  const registered = [...site.process.app.routes].flatMap(([url, { methods }]) =>
    [...methods]
      .filter((method) => method !== 'HEAD' && !isPage(url))
      .map((method) => `${method} ${url.replaceAll(/:(\w+)/g, '{$1}')}`),
  );
  t.ok(registered.length > 80, 'the routes were walked');
  t.same(
    registered.filter((route) => !told.has(route)),
    [],
    'those that are left out need a schema in src/api/openapi/routes.ts',
  );
  t.same(
    [...told].filter((route) => !registered.includes(route)),
    [],
    'those that are told and are no routes',
  );
  for (const [path, methods] of Object.entries(document.paths))
    for (const [method, { summary, responses }] of Object.entries(methods)) {
      t.ok(summary, `${method} ${path} says what it is for`);
      t.ok(
        Object.keys(responses).some((status) => status.startsWith('2')),
        `${method} ${path} says what it answers`,
      );
      t.match(responses['default']?.content, { 'application/json': {} }, `${method} ${path} tells of errors`);
    }
});

t.test('tokens, versions and errors are described', async (t) => {
  t.match(document.components.securitySchemes, {
    token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' },
  });
  t.same(document.security, [{ token: [] }]);
  t.same(document.paths['/healthz']!['get']!.security, [], 'what is open to everyone');
  const names = document.paths['/v1/containers']!['post']!.parameters!.map(({ name }) => name);
  t.match(names, ['run', 'openstack-api-version', 'idempotency-key']);
  t.match(document.components.schemas['Error'], { properties: { errors: { items: { properties: { code: {}, title: {} } } } } }); // prettier-ignore
  t.match(document.paths['/v1/containers/{id}/resize_container']!['post'], {
    'x-openstack-min-version': '1.19',
  });
});

t.test('what is described is what is checked', async (t) => {
  const create = document.paths['/v1/containers']!['post'] as unknown as {
    requestBody: { content: { 'application/json': { schema: { properties: Record<string, Json> } } } };
  };
  const { memory } = create.requestBody.content['application/json'].schema.properties;
  for (const value of [Number(memory!['minimum']) - 1, Number(memory!['maximum']) + 1, 'much', [], {}]) {
    const { status, error } = await site.call('POST', '/v1/containers', {
      body: { image: 'busybox', memory: value },
    });
    t.equal(status, 400, String(value));
    t.match(error, { code: 'container.schema-validation-error', title: /^Invalid input for field 'memory'/ });
  }
  for (const value of [String(memory!['minimum']), Number(memory!['maximum']), null])
    t.equal(
      (await site.call('POST', '/v1/containers', { body: { image: 'busybox', memory: value } })).status,
      202,
    );
  const secret = await site.call('POST', '/v1/containers', {
    body: { image: 'busybox', environment: 'hunter2' },
  });
  t.equal(secret.status, 400);
  t.notMatch(secret.text, 'hunter2', 'what may be a password is not told');
});
