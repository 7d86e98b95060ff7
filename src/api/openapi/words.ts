/** Pieces of the schemas: what many routes take alike. */
import { Type, type TSchema } from 'typebox';
import type { Bounds } from '../zun/body-fields.ts';
import { nameLength, namePattern } from '../zun/create-body.ts';

type Extra = Readonly<Record<string, unknown>>;

export const flag = (description: string, extra: Extra = {}) => Type.Boolean({ description, ...extra });
export const integer = (description: string, minimum?: number, maximum?: number, extra: Extra = {}) =>
  Type.Integer({
    description,
    ...(minimum === undefined ? {} : { minimum }),
    ...(maximum === undefined ? {} : { maximum }),
    ...extra,
  });
export const number = (description: string, { least, most }: Bounds) =>
  Type.Number({ description, minimum: least, maximum: most });
export const text = (description: string, length: Bounds | null = null, pattern: RegExp | null = null) =>
  Type.String({
    description,
    ...(length ? { minLength: length.least, maxLength: length.most } : {}),
    ...(pattern ? { pattern: pattern.source } : {}),
  });
export const choice = (description: string, values: readonly string[]) =>
  Type.Enum([...values], { description });
/** What only the route's own reader can judge. */
export const anything = (description: string) => Type.Unknown({ description });
export const name = (description: string) => text(description, nameLength, namePattern);
export const objectOf = (description: string, extra: Extra = {}) =>
  Type.Object({}, { description, additionalProperties: true, ...extra });
export const listOf = (items: TSchema, description: string) => Type.Array(items, { description });

/** All of them may be left out. */
export const optional = (properties: Readonly<Record<string, TSchema>>): TSchema =>
  Type.Object(
    Object.fromEntries(Object.entries(properties).map(([key, each]) => [key, Type.Optional(each)])),
  );

export const paging = {
  limit: anything('Most items of a page: from 1, at most and by default 1000'),
  marker: text('UUID of the last item that was seen'),
  sort_key: text('What to sort by; by default the order of creation'),
  sort_dir: text('asc or desc'),
};
export const allProjects = flag('Of all projects; for admins');
export const grace = anything('Seconds between the stop signal and the end, 10 by default; of at least 0');

/** By name, where the answer is described once. */
export const ref = (component: string): TSchema => ({ $ref: `${component}#` }) as TSchema;
/** A page of a list, or all of it. */
export const page = (key: string, component: string): TSchema =>
  Type.Object({
    [key]: Type.Array(ref(component)),
    next: Type.Optional(
      Type.Union([Type.String(), Type.Null()], { description: 'The next page, where there may be one' }),
    ),
  });
export const nothing = (): TSchema => Type.Null({ description: 'The JSON body null' });
