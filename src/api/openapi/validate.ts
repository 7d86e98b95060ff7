/**
 * Checks requests by the schemas that describe them. What is checked is what a route would read: numbers
 * and booleans as clients spell them, absent what is null or Python's `None`. What a schema can't say, and what is unknown,
 * the routes' own readers refuse, in the same words.
 */
import type { FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { TroupeError } from '../../errors/errors.ts';
import { flagIn, integerIn, invalidField, invalidQuery, numberIn, queryFlagIn } from '../zun/values.ts';

/** The part of JSON Schema that words are made of. */
interface Property {
  readonly type?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly enum?: readonly unknown[];
  /** In words, for what the others would say badly. */
  readonly 'x-rule'?: string;
  /** Never shown. */
  readonly 'x-secret'?: boolean;
}

type Fields = Readonly<Record<string, unknown>>;
type Part = 'body' | 'querystring' | 'params' | 'headers';

/** @see https://fastify.dev/docs/latest/Reference/Validation-and-Serialization/#validator-compiler */
export const requestCheck: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const part = (httpPart ?? 'body') as Part;
  const whole = schema as TSchema & { readonly properties?: Readonly<Record<string, Property & TSchema>> };
  const properties = Object.entries(whole.properties ?? {}).map(
    ([name, property]) => [name, property, Compile(property)] as const,
  );
  const required = new Set((whole as { readonly required?: readonly string[] }).required ?? []);
  return (given: unknown) => {
    const fields = (given ?? {}) as Fields;
    for (const [name, property, check] of properties) {
      const value = read(property, fields[name], part);
      if (value === undefined) {
        if (!required.has(name)) continue;
        return {
          error: fields[name] === null ? wrong(part, name, null, property) : missing(part, name, property),
        };
      } else if (!check.Check(value)) return { error: wrong(part, name, fields[name], property) };
    }
    return { value: given };
  };
};

/** As the routes read it; undefined when it counts as absent. */
function read({ type }: Property, value: unknown, part: Part): unknown {
  if (value === undefined || value === null) return undefined;
  if (type === 'boolean')
    return part === 'body' ? (flagIn(value) ?? value) : orAbsent(queryFlagIn(value), value);
  if (type === 'integer')
    return part === 'body' ? (integerIn(value) ?? value) : orAbsent(integerIn(value), value);
  if (type === 'number') return numberIn(value) ?? value;
  return value;
}

const orAbsent = (read: unknown, value: unknown): unknown =>
  read ?? (value === '' || value === 'None' ? undefined : value);

function missing(part: Part, name: string, property: Property): TroupeError {
  return part === 'body'
    ? new TroupeError('INVALID_INPUT', `'${name}' is a required property`)
    : invalidQuery(name, undefined, property['x-rule'] ?? 'It is required');
}

function wrong(part: Part, name: string, value: unknown, property: Property): TroupeError {
  const rule = property['x-rule'] ?? ruleOf(property, value, part);
  const shown = property['x-secret'] ? '***' : value;
  return part === 'body' ? invalidField(name, shown, rule) : invalidQuery(name, shown, rule);
}

function ruleOf(property: Property, value: unknown, part: Part): string {
  const { type, minimum, maximum, minLength = 0, maxLength = Infinity, pattern } = property;
  if (property.enum)
    return property.enum.length === 2
      ? `It must be ${property.enum.join(' or ')}`
      : `It must be one of ${property.enum.join(', ')}`;
  if (type === 'boolean')
    return part === 'body'
      ? 'It must be a boolean: true or false'
      : 'It must be a boolean such as true or false';
  const isNumeric = type === 'number' || type === 'integer';
  if (isNumeric) {
    const least = minimum ?? Number.MIN_SAFE_INTEGER;
    const kind = type === 'number' ? 'a number' : 'an integer';
    if (part !== 'body')
      return maximum === undefined
        ? `It must be ${kind} of at least ${least}`
        : `It must be ${kind} between ${least} and ${maximum}`;
    const isOne = type === 'number' ? numberIn(value) !== null : integerIn(value) !== null;
    if (!isOne) return `It must be ${kind}`;
    return maximum === undefined
      ? `It must be at least ${least}`
      : `It must be between ${least} and ${maximum}`;
  }
  if (type === 'string' && typeof value === 'string') {
    if (value.length < minLength || value.length > maxLength)
      return `It must have ${minLength} to ${maxLength} characters`;
    return `It must match ${pattern}`;
  }
  return `It must be ${type === 'array' ? 'a list' : type === 'object' ? 'an object' : `a ${type ?? 'value'}`}`;
}
