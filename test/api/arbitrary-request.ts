/** Requests made from the OpenAPI document: such as it asks for, and such as nobody would. */
import fc from 'fast-check';
import type { Json } from './site.ts';

export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  /** Of a JSON body; null when it takes none. */
  readonly body: Schema | null;
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >;
}
interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly schema: Schema;
}
export interface Schema extends Json {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}
export interface ArbitraryRequest {
  readonly method: string;
  readonly url: string;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

export function operationsOf(document: Json): readonly Operation[] {
  const paths = document['paths'] as Readonly<Record<string, Readonly<Record<string, Json>>>>;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const content = (
        operation['requestBody'] as { content?: Record<string, { schema: Schema }> } | undefined
      )?.content;
      return {
        method: method.toUpperCase(),
        path,
        parameters: (operation['parameters'] ?? []) as readonly Parameter[],
        body: content?.['application/json']?.schema ?? null,
        responses: operation['responses'] as Operation['responses'],
      };
    }),
  );
}

/** Values that have broken programs before. */
const odd: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null, true, '', ' ', 'None', '0', '-1', -1, 0, 1.5, 1e308, 2 ** 53, '9'.repeat(400), '\0', '\u202e', '../..', '%00', '%zz', 'ünï\ncødé',
    '__proto__', 'constructor', 'toString', [], {}, [[]], { a: { b: {} } }, 'x'.repeat(5_000), '"', "'", '$(id)', '\ud800', 'NaN', 'Infinity',
  ), // prettier-ignore
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.jsonValue({ maxDepth: 2 }),
);

/** A value that the schema takes. */
function valid(schema: Schema): fc.Arbitrary<unknown> {
  const alternatives = (schema['anyOf'] ?? schema['enum']) as readonly unknown[] | undefined;
  if (schema['enum']) return fc.constantFrom(...(alternatives as unknown[]));
  if (alternatives) return fc.oneof(...(alternatives as Schema[]).map(valid));
  const [least, most] = [schema['minimum'] as number | undefined, schema['maximum'] as number | undefined];
  switch (schema.type) {
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.integer({ min: least ?? -10, max: Math.min(most ?? 10_000, 100_000) });
    case 'number':
      return fc.double({ min: least ?? 0, max: most ?? 100, noNaN: true });
    case 'string': {
      const lengths = { minLength: (schema['minLength'] as number | undefined) ?? 0, maxLength: 20 };
      return typeof schema['pattern'] === 'string'
        ? fc.stringMatching(new RegExp(schema['pattern']), { size: 'small' })
        : fc.string(lengths);
    }
    case 'array':
      return fc.array(valid((schema['items'] ?? {}) as Schema), { maxLength: 3 });
    case 'object': {
      const { properties = {}, required = [] } = schema;
      const fields = Object.fromEntries(Object.entries(properties).map(([key, each]) => [key, valid(each)]));
      return Object.keys(fields).length > 0
        ? fc.record(fields, { requiredKeys: [...required] })
        : fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), fc.string({ maxLength: 8 }), {
            maxKeys: 3,
          });
    }
    default:
      return fc.oneof(
        fc.string({ maxLength: 12 }),
        fc.integer(),
        fc.constantFrom<unknown>([], {}, 'docker', 'all'),
      );
  }
}

/** As the schema wants it, mostly. */
const value = (schema: Schema): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 3, arbitrary: valid(schema) }, { weight: 1, arbitrary: odd });

/** @param ids what an id in a path may be; for what is not there a name is made up */
export function arbitraryRequest(
  operation: Operation,
  ids: readonly string[],
): fc.Arbitrary<ArbitraryRequest> {
  const { method, path, parameters, body } = operation;
  const of = (place: Parameter['in']) => parameters.filter((each) => each.in === place);
  const inPath = fc.record(
    Object.fromEntries(
      of('path').map(({ name }) => [
        name,
        fc.oneof(
          { weight: 4, arbitrary: fc.constantFrom(...ids) },
          // A segment of one or two dots is no id: clients resolve it before they send.
          {
            weight: 1,
            arbitrary: fc.string({ minLength: 1, maxLength: 12 }).filter((id) => id !== '.' && id !== '..'),
          },
          { weight: 1, arbitrary: fc.constantFrom('/', 'a/b', '\0', '%', 'x'.repeat(300), '__proto__') },
        ),
      ]),
    ),
  );
  const query = fc.record(Object.fromEntries(of('query').map(({ name, schema }) => [name, value(schema)])), {
    requiredKeys: [],
  });
  const more = fc.oneof(
    { weight: 6, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), odd, { maxKeys: 2 }) },
  );
  const whole =
    body === null
      ? fc.constant(undefined)
      : fc.oneof({ weight: 5, arbitrary: fields(body) }, { weight: 1, arbitrary: odd });
  const version = fc.oneof(
    { weight: 6, arbitrary: fc.constant('container 1.40') },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 40 }).map((minor) => `container 1.${minor}`) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('container latest', 'compute 2.1', 'container 1.99', 'container', ''),
    },
  );
  const accept = fc.constantFrom('application/json', 'application/x-tar', '*/*', '');
  return fc.record({ inPath, query, more, whole, version, accept }).map((made) => {
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, key: string) =>
      encodeURIComponent(wellFormed(made.inPath[key]!)),
    );
    const asked = Object.entries({ ...made.query, ...made.more }).map(
      ([key, each]) =>
        `${encodeURIComponent(wellFormed(key))}=${encodeURIComponent(wellFormed(asText(each)))}`,
    );
    return {
      method,
      url: asked.length === 0 ? filled : `${filled}?${asked.join('&')}`,
      body: method === 'GET' ? undefined : made.whole,
      headers: { 'openstack-api-version': made.version, accept: made.accept },
    };
  });
}

/** A body in which each field is mostly as it should be, and now and then there is one too many. */
function fields({ properties = {}, required = [] }: Schema): fc.Arbitrary<unknown> {
  const known = Object.fromEntries(Object.entries(properties).map(([key, schema]) => [key, value(schema)]));
  const more = fc.oneof(
    { weight: 6, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), odd, { maxKeys: 2 }) },
  );
  return fc
    .tuple(fc.record(known, { requiredKeys: [...required] }), more)
    .map(([one, other]) => ({ ...one, ...other }));
}

const asText = (given: unknown): string =>
  typeof given === 'string' ? given : (JSON.stringify(given) ?? '');
/** Without halves of surrogate pairs, which no URL holds. */
const wellFormed = (text: string): string => Buffer.from(text, 'utf8').toString('utf8');
