/**
 * Whatever is asked of any route, it answers: in time, in the envelope, never with an error of its own making, and never
 * with a word of what is another project's. Requests are made of the document that the API serves, so a new route is asked by
 * itself. `FUZZ_SEED` repeats a run, `FUZZ_RUNS` makes it longer.
 */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { Compile } from 'typebox/compile';
import {
  arbitraryRequest,
  operationsOf,
  type ArbitraryRequest,
  type Operation,
} from './arbitrary-request.ts';
import { createApiSite, type Answer, type Json, type User } from './site.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const runs = Number(process.env['FUZZ_RUNS'] ?? 25);
t.comment(`FUZZ_SEED=${seed}`);
t.setTimeout(180_000);

const site = await createApiSite(t, {
  settings: { 'archive.jsonMib': '1', 'quota.containers': '-1', 'quota.cpu': '-1', 'quota.memoryMib': '-1', 'quota.diskGib': '-1' },
}); // prettier-ignore
const document = (await site.call('GET', '/v1/openapi.json', { as: null })).json;
const operations = operationsOf(document);
const components = (document['components'] as { schemas: Record<string, Json> }).schemas;

const mine = await site.create({ name: 'mine' }, { run: true });
const theirs = await site.create({ name: 'theirs', image: 'secret-image' }, { as: 'bob', run: true });
await site.reach(mine.uuid, 'Running');
await site.reach(theirs.uuid, 'Running');
const theirVolume = await site.call('POST', '/v1/volumes', {
  as: 'bob',
  body: { name: 'their-volume', size: 1 },
});
const theirNetwork = await site.call('POST', '/v1/networks', { as: 'bob', body: { name: 'their-network' } });
const theirImage = await site.call('POST', `/v1/containers/${theirs.uuid}/commit?repository=their-image`, {
  as: 'bob',
});
const theirRegistry = await site.call('POST', '/v1/registries', {
  as: 'bob',
  body: { registry: { name: 'their-registry', domain: 'registry.example' } },
});
const theirCapsule = await site.call('POST', '/v1/capsules', {
  as: 'bob',
  body: {
    template: {
      kind: 'capsule',
      metadata: { name: 'their-capsule' },
      spec: { containers: [{ image: 'secret-image' }] },
    },
  },
});
t.equal(theirCapsule.status, 202);
t.equal(theirVolume.status, 202);
t.equal(theirImage.status, 202);
t.equal(theirRegistry.status, 201);
t.equal(theirNetwork.status, 202);

/** No answer in this time is none. */
const hangMs = 20_000;

/** 5xx that say the truth: by code, and why it can be. */
const honest: Readonly<Record<string, string>> = {
  // The engine of these tests makes no networks, and its host may be drained, given up or lost by a request of the admin's.
  'container.container-host-not-up': 'a host that an admin gave up',
  'container.service-unavailable': 'a host that can not make networks or volumes',
};

async function ask({ method, url, body, headers }: ArbitraryRequest, as: User | null): Promise<Answer> {
  let cancel: () => void = () => {};
  const silence = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer: ${method} ${url}`)), hangMs);
    cancel = () => clearTimeout(timer);
  });
  try {
    const answer = site.call(method, url, {
      as,
      version: null,
      headers: { ...headers },
      ...(body === undefined ? {} : { body }),
    });
    return await Promise.race([answer, silence]);
  } finally {
    cancel();
  }
}

/** What an answer breaks; null when nothing. */
function breach(answer: Answer, check: ReadonlyMap<number, ReturnType<typeof Compile>>): string | null {
  const { status, headers, json, error, text } = answer;
  if (status >= 500 && !(error.code in honest)) return `an error of its own: ${status} ${text}`;
  if (!headers['x-openstack-request-id']?.startsWith('req-')) return 'no request id';
  if (status === 401) return null;
  if (status >= 400) {
    if (error.status !== status || error['request_id'] !== headers['x-openstack-request-id'])
      return `no envelope: ${text}`;
    if (/\bat .*\.[jt]s:\d+|'undefined'|\[object /.test(text)) return `a word of the program’s own: ${text}`;
    return null;
  }
  const expected = check.get(status);
  if (!expected) return `${status} is not in the document`;
  const isJson = headers['content-type']?.startsWith('application/json');
  if (isJson && !expected.Check(json))
    return `not as the document has it: ${JSON.stringify([...expected.Errors(json)].slice(0, 3))} ${text.slice(0, 500)}`;
  return null;
}

const checksOf = ({ responses }: Operation): ReadonlyMap<number, ReturnType<typeof Compile>> =>
  new Map(
    Object.entries(responses)
      .filter(([status]) => status !== 'default')
      .map(([status, { content }]) => {
        const schema = content?.['application/json']?.schema ?? {};
        return [Number(status), Compile(inlined(schema) as never)] as const;
      }),
  );

/** References put in place: each component is whole, and none refers to itself. */
function inlined(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(inlined);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { $ref: reference } = schema as { $ref?: string };
  if (reference !== undefined) return inlined(components[reference.split('/').at(-1)!]);
  return Object.fromEntries(
    Object.entries(schema).map(([key, each]) => [key, key === 'format' ? each : inlined(each)]),
  );
}

/** Of a property that failed: what was asked, and what it broke. */
const reportOf = (result: { readonly counterexample: unknown; readonly errorInstance: unknown }): string =>
  `${JSON.stringify(result.counterexample)?.slice(0, 1_000)} ${String(result.errorInstance)}`;

const unknownId = '99999999-9999-4999-8999-999999999999';

t.test('every route answers whatever it is asked', async (t) => {
  const ids = [
    mine.uuid,
    'mine',
    theirs.uuid,
    'theirs',
    unknownId,
    'host1',
    'p1',
    'p2',
    'container',
    '0'.repeat(64),
  ];
  for (const operation of operations) {
    const { method, path } = operation;
    const check = checksOf(operation);
    const result = await fc.check(
      fc.asyncProperty(
        arbitraryRequest(operation, ids),
        fc.constantFrom<User | null>('ann', 'ann', 'ann', 'bob', 'root', null),
        async (request, user) => {
          const found = breach(await ask(request, user), check);
          if (found !== null) throw new Error(found);
        },
      ),
      { seed, numRuns: runs, endOnFailure: true },
    );
    t.notOk(result.failed, result.failed ? `${method} ${path}: ${reportOf(result)}` : `${method} ${path}`);
  }
});

t.test('what is another project’s answers as what there is not', async (t) => {
  await site.restart();
  const foreign: readonly (readonly [RegExp, readonly string[], string])[] = [
    [/^\/v1\/containers\//, [theirs.uuid, 'theirs'], 'container'],
    [/^\/v1\/capsules\//, [String(theirCapsule.json['uuid']), 'their-capsule'], 'capsule'],
    [/^\/v1\/volumes\//, [String(theirVolume.json['uuid']), 'their-volume'], 'volume'],
    [/^\/v1\/networks\//, [String(theirNetwork.json['uuid']), 'their-network'], 'network'],
    [/^\/v1\/images\//, [String(theirImage.json['uuid'])], 'image'],
    [
      /^\/v1\/registries\//,
      [String((theirRegistry.json['registry'] as Json)['uuid']), 'their-registry'],
      'registry',
    ],
    [/^\/v1\/tenants\//, ['p2'], 'tenant'],
    [/^\/v1\/hosts\//, ['host1'], 'host'],
    [/^\/v1\/quotas\//, ['p2'], 'quota'],
    [/^\/v1\/quota_classes\//, ['default'], 'quota class'],
    [/^\/v1\/(sandboxes|pools)\//, [theirs.uuid], 'sandbox or pool'],
  ];
  const withId = operations.filter(({ path }) => path.includes('{id}'));
  const known = withId.filter(({ path }) => foreign.some(([pattern]) => pattern.test(path)));
  t.same(
    withId.filter((each) => !known.includes(each)).map(({ path }) => path),
    [],
    'each kind of thing with an id has one here that is another project’s',
  );
  for (const operation of withId) {
    const { method, path } = operation;
    const [, ids] = foreign.find(([pattern]) => pattern.test(path))!;
    for (const id of ids) {
      const other = /^[0-9a-f-]{36}$/.test(id) ? unknownId : 'never-was';
      const result = await fc.check(
        fc.asyncProperty(arbitraryRequest(operation, ['$id']), async (request) => {
          // What is said by chance can't be told from the place that is asked for.
          fc.pre(!JSON.stringify(request).includes(id));
          const at = async (place: string): Promise<unknown> => {
            const { status, error, text } = await ask(
              { ...request, url: request.url.replaceAll('%24id', place) },
              'ann',
            );
            if (text.includes('secret-image')) throw new Error(`it tells what is not ann’s: ${text}`);
            const { request_id: _, ...rest } = error;
            return JSON.parse(JSON.stringify({ status, rest }).replaceAll(place, '$id'));
          };
          const [one, two] = [await at(id), await at(other)];
          if (!isDeepStrictEqual(one, two))
            throw new Error(`${JSON.stringify(one)} is not ${JSON.stringify(two)}`);
        }),
        { seed, numRuns: Math.ceil(runs / 2), endOnFailure: true },
      );
      t.notOk(
        result.failed,
        result.failed ? `${method} ${path}: ${reportOf(result)}` : `${method} ${path} ${id}`,
      );
    }
  }
});
