/**
 * Who we are at a cloud, from the names that all of OpenStack's clients share:
 * the keys of `auth` in clouds.yaml, which the `OS_*` variables are called after.
 * @see openstacksdk, "Configuring OpenStack SDK Applications"
 */
import { parse } from 'yaml';
import { TroupeError } from '../errors/errors.ts';

export type EndpointInterface = 'public' | 'internal' | 'admin';

export interface CloudAccess {
  /** Of Keystone, with its version: `https://cloud.example:5000/v3`. */
  readonly authUrl: string;
  /** The body that asks Keystone for a token; holds the secret. */
  readonly auth: object;
  /** Null = wherever the catalog has one. */
  readonly region: string | null;
  readonly interface: EndpointInterface;
  /** PEM authority of the cloud's certificates; null = the system's. */
  readonly caFile: string | null;
}

/** As they are spelt in clouds.yaml, `auth.` left out. */
type Fields = Readonly<Record<string, unknown>>;

const interfaces: readonly string[] = ['public', 'internal', 'admin'] satisfies EndpointInterface[];
/** What `auth_type` may say, and which of Keystone's methods that is. */
const methods: Readonly<Record<string, 'password' | 'application_credential'>> = {
  password: 'password',
  v3password: 'password',
  v3applicationcredential: 'application_credential',
};

/**
 * @param text of clouds.yaml, @param secure of the secure.yaml beside it, whose values count before
 * @param path what `text` was read from, for words
 * @throws TroupeError INVALID_CONFIG
 */
export function accessFromFile(
  { text, secure, path }: { readonly text: string; readonly secure: string | null; readonly path: string },
  cloud: string,
): CloudAccess {
  const clouds = cloudsIn(text, path);
  const found = clouds[cloud];
  if (found === undefined)
    throw wrong(
      `There is no cloud "${cloud}" in "${path}"; it has ${Object.keys(clouds).join(', ') || 'none'}`,
    );
  const secret = secure === null ? {} : fieldsOf(cloudsIn(secure, path)[cloud]);
  return accessOf(
    { ...fieldsOf(found), ...fieldsOf(fieldsOf(found)['auth']), ...secret, ...fieldsOf(secret['auth']) },
    (key) => `${key} of cloud "${cloud}" in "${path}"`,
  );
}

/** From `OS_*` variables. @throws TroupeError INVALID_CONFIG */
export function accessFromVariables(variables: Readonly<Record<string, string | undefined>>): CloudAccess {
  const given = Object.entries(variables).filter(([name, value]) => /^OS_[A-Z_]+$/.test(name) && value);
  return accessOf(
    Object.fromEntries(given.map(([name, value]) => [name.slice(3).toLowerCase(), value])),
    (key) => `OS_${key.toUpperCase()}`,
  );
}

function accessOf(fields: Fields, nameOf: (key: string) => string): CloudAccess {
  const text = (key: string): string | null => {
    const value = fields[key];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
  };
  const needed = (key: string): string => {
    const value = text(key);
    if (value === null) throw wrong(`${nameOf(key)} is missing`);
    return value;
  };
  const domain = (key: string): object => {
    const [id, name] = [text(`${key}_domain_id`), text(`${key}_domain_name`)];
    // As OpenStack's own clients have it where nothing is said.
    return id !== null ? { id } : name !== null ? { name } : { id: text('default_domain') ?? 'default' };
  };
  // First, since who gave nothing at all is to be told of this.
  const authUrl = versioned(needed('auth_url'), nameOf('auth_url'));
  const kind = text('auth_type') ?? 'password';
  const method = Object.hasOwn(methods, kind) ? methods[kind]! : null;
  if (method === null)
    throw wrong(`${nameOf('auth_type')} must be one of ${Object.keys(methods).join(', ')}, not "${kind}"`);
  const user = (): object =>
    text('user_id') === null
      ? { name: needed('username'), domain: domain('user') }
      : { id: needed('user_id') };
  const project = (): object =>
    text('project_id') === null
      ? { name: text('tenant_name') ?? needed('project_name'), domain: domain('project') }
      : { id: needed('project_id') };
  const auth =
    method === 'password'
      ? {
          identity: {
            methods: [method],
            password: { user: { ...user(), password: needed('password') } },
          },
          scope: { project: project() },
        }
      : {
          identity: {
            methods: [method],
            application_credential: {
              ...(text('application_credential_id') === null
                ? { name: needed('application_credential_name'), user: user() }
                : { id: needed('application_credential_id') }),
              secret: needed('application_credential_secret'),
            },
          },
        };
  const asked = (text('interface') ?? text('endpoint_type') ?? 'public').replace(/URL$/, '');
  if (!interfaces.includes(asked))
    throw wrong(`${nameOf('interface')} must be one of ${interfaces.join(', ')}, not "${asked}"`);
  return {
    authUrl,
    auth: { auth },
    region: text('region_name'),
    interface: asked as EndpointInterface,
    caFile: text('cacert'),
  };
}

/** Many clouds name Keystone without its version, and ours is always 3. */
function versioned(url: string, name: string): string {
  if (!/^https?:\/\/[^/\s]+/.test(url))
    throw wrong(`${name} must be a URL such as https://cloud.example:5000/v3`);
  const bare = url.replace(/\/+$/, '');
  if (bare.endsWith('/v2.0'))
    throw wrong(`${name} is of Keystone’s version 2, which is no more; it must end in /v3`);
  return bare.endsWith('/v3') ? bare : `${bare}/v3`;
}

function cloudsIn(text: string, path: string): Fields {
  try {
    return fieldsOf(fieldsOf(parse(text, { logLevel: 'error' }))['clouds']);
  } catch (error) {
    // The lines of the file that follow may hold a password.
    throw wrong(`"${path}" can't be read: ${(error as Error).message.split('\n')[0]?.replace(/:$/, '')}`);
  }
}

const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};

const wrong = (message: string): TroupeError => new TroupeError('INVALID_CONFIG', message);
