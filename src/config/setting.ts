/** One setting of the schema: its rule in words, its variable, and what of its value may be shown. */
import { configSchema, type Extra } from './schema.ts';

export interface SettingSchema extends Extra {
  readonly type?: 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object';
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default: unknown;
  readonly description: string;
}

export interface SectionSchema {
  readonly description: string;
  readonly properties: Readonly<Record<string, SettingSchema>>;
}

export const sections = configSchema.properties as unknown as Readonly<Record<string, SectionSchema>>;

/** `section.key` → its schema, in the schema's order. */
export const settings: ReadonlyMap<string, SettingSchema> = new Map(
  Object.entries(sections).flatMap(([section, { properties }]) =>
    Object.entries(properties).map(([key, schema]) => [`${section}.${key}`, schema] as const),
  ),
);

/** Completes "must be …". */
export function ruleOf(schema: SettingSchema): string {
  const { type, minimum, maximum, rule } = schema;
  if (schema.enum) return `one of ${schema.enum.join(', ')}`;
  if (rule !== undefined) return type === 'array' ? `a list of ${rule}` : rule;
  if (type === 'boolean') return 'true or false';
  if (type === 'array') return 'a list of texts';
  if (type === 'object') return 'names with a text each';
  if (type === 'string') return 'a text';
  const what = type === 'integer' ? 'a whole number' : 'a number';
  return maximum === undefined
    ? `${what} of at least ${minimum ?? 0}`
    : `${what} from ${minimum ?? 0} to ${maximum}`;
}

/** `api.allowedOrigins` → `TROUPE_API__ALLOWED_ORIGINS`. */
export function variable(setting: string): string {
  const [section = '', key = ''] = setting.split('.');
  return `TROUPE_${section.toUpperCase()}__${key.replaceAll(/([A-Z])/g, '_$1').toUpperCase()}`;
}

/** The value as people may see it. */
export function withoutSecrets({ secret }: Extra, value: unknown): unknown {
  if (secret === undefined || typeof value !== 'string' || value === '') return value;
  // Whatever stands between the scheme and the last @ is no one's business.
  return secret === 'all' ? '***' : value.replace(/^(\w+:\/\/).*@/s, '$1***@');
}
