/** Keystone from configuration: the credentials, the calls, and what the API is given of both. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { createKeystoneAuthenticator } from '../api/auth/keystone-tokens.ts';
import { anyOf, type Authenticator } from '../api/auth/identity.ts';
import type { LoginDesk } from '../api/extensions/login.ts';
import { badSetting, type LoadedConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { TroupeError } from '../errors/errors.ts';
import type { Environment } from '../model/environment.ts';
import { accessFromFile, accessFromVariables, type CloudAccess } from '../openstack/access.ts';
import { createKeystone, type Keystone } from '../openstack/keystone.ts';
import { createSession, type CloudSession } from '../openstack/session.ts';
import { createTransport, type CloudCall, type Transport } from '../openstack/transport.ts';
import { paths } from './settings.ts';
import { fileAuthenticator, ownAdminAuthenticator } from './tokens.ts';

/** The cloud in the clouds.yaml that the bootstrap writes. */
export const ownCloud = 'troupe';

type Variables = Readonly<Record<string, string | undefined>>;

/** Where clouds.yaml is looked for when nothing says where. @see openstacksdk, "Config Files" */
const usualClouds = (variables: Variables): readonly string[] => [
  ...(variables['OS_CLIENT_CONFIG_FILE'] ? [variables['OS_CLIENT_CONFIG_FILE']] : []),
  join(process.cwd(), 'clouds.yaml'),
  join(variables['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'openstack', 'clouds.yaml'),
  '/etc/openstack/clouds.yaml',
];

/** @throws TroupeError INVALID_CONFIG */
export function accessFromPath(path: string, cloud: string): CloudAccess {
  const secure = join(dirname(path), 'secure.yaml');
  return accessFromFile(
    { text: readText(path), secure: existsSync(secure) ? readText(secure) : null, path },
    cloud,
  );
}

/** Of whoever runs this command, by `OS_CLOUD` or the other variables. @throws TroupeError INVALID_CONFIG */
export function accessFromShell(variables: Variables): CloudAccess {
  const { OS_CLOUD: cloud } = variables;
  if (!cloud) return accessFromVariables(variables);
  const path = usualClouds(variables).find((each) => existsSync(each));
  if (path === undefined)
    throw new TroupeError(
      'INVALID_CONFIG',
      `OS_CLOUD is "${cloud}", and there is no clouds.yaml; OS_CLIENT_CONFIG_FILE may name one`,
    );
  return accessFromPath(path, cloud);
}

/**
 * Troupe's own. @throws TroupeError INVALID_CONFIG: one line that names the setting
 */
export function serviceAccess(loaded: LoadedConfig, variables: Variables = process.env): CloudAccess {
  const { cloud, cloudsFile } = loaded.config.auth;
  const own = paths(loaded.config).clouds;
  const setting = cloudsFile === '' ? 'auth.cloud' : 'auth.cloudsFile';
  try {
    if (cloudsFile !== '') return accessFromPath(cloudsFile, cloud === '' ? ownCloud : cloud);
    if (existsSync(own)) return accessFromPath(own, cloud === '' ? ownCloud : cloud);
    if (cloud !== '') return accessFromShell({ ...variables, OS_CLOUD: cloud });
    if (variables['OS_CLOUD'] || variables['OS_AUTH_URL']) return accessFromShell(variables);
  } catch (error) {
    if (!(error instanceof TroupeError)) throw error;
    throw badSetting(loaded, setting, `must lead to Troupe’s own credentials: ${error.message}`);
  }
  throw badSetting(
    loaded,
    setting,
    'must lead to Troupe’s own credentials, and nothing does: run "troupe keystone bootstrap", or set OS_CLOUD or OS_AUTH_URL and the like',
  );
}

export interface CloudCalls {
  readonly access: CloudAccess;
  readonly transport: Transport;
  readonly session: CloudSession;
  readonly keystone: Keystone;
  /** Hears of every call from then on. */
  onCall(listener: (call: CloudCall) => void): void;
}

/** @throws TroupeError INVALID_CONFIG when the authority of the cloud's certificates can't be read */
export function createCloudCalls(
  access: CloudAccess,
  timeoutMs: number,
  environment: Environment,
): CloudCalls {
  const listeners = new Set<(call: CloudCall) => void>();
  const observe = (call: CloudCall): void => listeners.forEach((each) => each(call));
  const ca = access.caFile === null ? null : readText(access.caFile);
  const transport = createTransport({ environment, timeoutMs, ca, observe });
  const session = createSession(access, transport, environment);
  return {
    access,
    transport,
    session,
    keystone: createKeystone(access.authUrl, session, transport),
    onCall: (listener) => void listeners.add(listener),
  };
}

export interface Auth {
  readonly authenticator: Authenticator;
  readonly login: LoginDesk | null;
  close(): Promise<void>;
}

/** Who may call, by configuration. @param calls null where the site has its own tokens */
export function createAuth(config: Config, environment: Environment, calls: CloudCalls | null): Auth {
  const { tokens, adminToken } = paths(config);
  if (!calls && config.auth.kind === 'keystone')
    throw new TroupeError('INTERNAL', 'Keystone decides here, and was not given');
  if (!calls)
    return { authenticator: fileAuthenticator(tokens), login: null, close: () => Promise.resolve() };
  const { access, keystone, transport } = calls;
  const { publicUrl, recheckMs, loginDomain, loginsMost } = config.auth;
  return {
    authenticator: anyOf(
      ownAdminAuthenticator(tokens, adminToken),
      createKeystoneAuthenticator({
        environment,
        validator: keystone,
        publicUrl: publicUrl === '' ? access.authUrl : publicUrl,
        recheckMs,
      }),
    ),
    login: {
      domain: loginDomain,
      attemptsMost: loginsMost,
      logIn: keystone.logIn,
      projectsOf: keystone.projectsOf,
      scoped: keystone.scoped,
    },
    close: () => transport.close(),
  };
}

/**
 * Tries Troupe's own credentials, so that wrong ones are told at start. A Keystone that is away ends
 * nothing: Troupe starts, and answers 503 to tokens until it is back.
 * @throws TroupeError INVALID_CONFIG
 */
export async function tryCredentials(
  loaded: LoadedConfig,
  { session }: CloudCalls,
  { log }: Environment,
): Promise<void> {
  try {
    await session.facts();
  } catch (error) {
    if (!(error instanceof TroupeError)) throw error;
    if (error.code === 'CLOUD_REFUSED')
      throw badSetting(loaded, 'auth.cloud', `leads to credentials that are not taken: ${error.message}`);
    log.warn({ err: error }, 'Keystone does not answer; tokens are looked at once it does');
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new TroupeError(
      'INVALID_CONFIG',
      `"${path}" can't be read: ${(error as Error).message.split('\n')[0]}`,
    );
  }
}
