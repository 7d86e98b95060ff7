/** What the configuration names on this machine, looked at before anything starts: each fault is one line with its setting. */
import { accessSync, constants, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createSecureContext } from 'node:tls';
import { createPolicy, PolicyError } from '../api/policy/policy.ts';
import { badSetting, type LoadedConfig } from '../config/load.ts';
import { paths } from './settings.ts';

const reasonOf = (error: unknown): string => (error as Error).message.split('\n')[0] ?? '';

/** A unix socket's path holds so many bytes. @see unix(7), sun_path */
const socketPathMost = 107;

/** Makes the state directory, for its owner alone. @throws TroupeError INVALID_CONFIG */
export function prepareState(loaded: LoadedConfig): void {
  const { directory } = loaded.config.state;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw badSetting(
      loaded,
      'state.directory',
      `must be a directory that this user may write: ${reasonOf(error)}`,
    );
  }
  const { linkSocket } = paths(loaded.config);
  if (Buffer.byteLength(linkSocket) > socketPathMost)
    throw badSetting(
      loaded,
      'state.directory',
      `must be shorter: "${linkSocket}" has more than ${socketPathMost} bytes, which no unix socket can`,
    );
}

/** The content of the file that `setting` names; null when it names none. @throws TroupeError INVALID_CONFIG */
function readNamed(loaded: LoadedConfig, setting: string, path: string): string | null {
  if (path === '') return null;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw badSetting(loaded, setting, `can't be read: ${reasonOf(error)}`);
  }
}

/** Files of the control plane. @throws TroupeError INVALID_CONFIG */
export function checkControlPlaneFiles(loaded: LoadedConfig): void {
  const { api, store } = loaded.config;
  const cert = readNamed(loaded, 'api.certFile', api.certFile);
  const key = readNamed(loaded, 'api.keyFile', api.keyFile);
  if (cert !== null && key !== null) {
    try {
      createSecureContext({ cert, key });
    } catch (error) {
      throw badSetting(loaded, 'api.certFile', `and api.keyFile are no PEM pair: ${reasonOf(error)}`);
    }
  }
  checkPolicy(loaded, readNamed(loaded, 'api.policyFile', api.policyFile));
  if (store.kind !== 'redis') return;
  readNamed(loaded, 'store.redisPasswordFile', store.redisPasswordFile);
  checkAuthority(loaded, 'store.redisCaFile', readNamed(loaded, 'store.redisCaFile', store.redisCaFile));
}

function checkPolicy(loaded: LoadedConfig, rules: string | null): void {
  if (rules === null) return;
  try {
    createPolicy(rules);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    throw badSetting(
      loaded,
      'api.policyFile',
      `names "${loaded.config.api.policyFile}", which ${error.message}`,
    );
  }
}

/** Files of an agent that dials another machine. @throws TroupeError INVALID_CONFIG */
export function checkAgentFiles(loaded: LoadedConfig): void {
  const { caFile } = loaded.config.agent;
  checkAuthority(loaded, 'agent.caFile', readNamed(loaded, 'agent.caFile', caFile));
}

function checkAuthority(loaded: LoadedConfig, setting: string, ca: string | null): void {
  if (ca === null) return;
  // Text without a certificate is taken by OpenSSL for no authority at all.
  if (!ca.includes('-----BEGIN CERTIFICATE-----'))
    throw badSetting(loaded, setting, 'must hold a certificate in PEM');
  try {
    createSecureContext({ ca });
  } catch (error) {
    throw badSetting(loaded, setting, `must hold a certificate in PEM: ${reasonOf(error)}`);
  }
}

/**
 * Tries where the API will listen, before the store changes hands.
 * @throws TroupeError INVALID_CONFIG
 */
export async function checkListening(loaded: LoadedConfig): Promise<void> {
  const { host, port } = loaded.config.api;
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, resolve);
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE')
      throw badSetting(
        loaded,
        'api.port',
        `must be free: something listens on ${host}:${port} already; stop that, or choose another, as with "--set api.port=${port + 1}"`,
      );
    if (code === 'EACCES')
      throw badSetting(loaded, 'api.port', `must be one that this user may take: ${reasonOf(error)}`);
    throw badSetting(loaded, 'api.host', `must be an address of this machine: ${reasonOf(error)}`);
  }
  await new Promise((resolve) => server.close(resolve));
}
