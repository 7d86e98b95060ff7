/** `troupe keystone bootstrap`: this site becomes known to a cloud, by its admin's credentials; run again, it changes nothing. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import pRetry from 'p-retry';
import { stringify } from 'yaml';
import type { BootstrapStep, BootstrapWish } from '../cli/roots.ts';
import type { LoadedConfig } from '../config/load.ts';
import { TroupeError } from '../errors/errors.ts';
import type { CloudAccess } from '../openstack/access.ts';
import { createRegistrar, serviceDomain, type Registrar } from '../openstack/registration.ts';
import { localUrl } from './connection.ts';
import { createEnvironment } from './environment.ts';
import { accessFromPath, accessFromShell, createCloudCalls, ownCloud, type CloudCalls } from './keystone.ts';
import { loggerOf } from './logger.ts';
import { writePrivateFile } from './private-file.ts';
import { paths } from './settings.ts';

export const serviceType = 'container';
/**
 * Whose a token is may be asked by the role "service". What it does in its users' projects, when their tokens have long ended,
 * takes "admin": Glance has no lesser role for it, and ports are made for other projects, and bound to hosts, by this one.
 */
const serviceRoles = ['service', 'admin'] as const;

/** What the catalog should say: how clients reach this site. */
export const endpointUrl = ({ config }: LoadedConfig): string =>
  `${config.api.publicUrl === '' ? localUrl(config) : config.api.publicUrl}/v1`;

/** @throws TroupeError INVALID_CONFIG, CLOUD_UNAVAILABLE, CLOUD_REFUSED */
export async function bootstrap(
  loaded: LoadedConfig,
  wish: BootstrapWish,
  tell: (step: BootstrapStep) => void,
): Promise<void> {
  const environment = createEnvironment(loggerOf({ ...loaded.config, log: { level: 'error' } }));
  const { timeoutMs } = loaded.config.auth;
  const callsOf = (access: CloudAccess): CloudCalls => createCloudCalls(access, timeoutMs, environment);
  const admin = callsOf(accessFromShell(process.env));
  try {
    const registrar = createRegistrar(admin.session, (what, outcome) => tell({ what, outcome }));
    const region = wish.region ?? admin.access.region ?? (await registrar.onlyRegion());
    if (region === null)
      throw new TroupeError(
        'INVALID_CONFIG',
        'The cloud has several regions, or none; name ours with --region',
      );
    const projectId = await registrar.ensureProject(wish.project);
    const userId = await ensureUser(loaded, wish, region, registrar, admin.access, tell);
    for (const role of serviceRoles) await registrar.assign(userId, projectId, role);
    // Keystone revokes by whole seconds: a token of the second in which a password was changed is none.
    await pRetry(() => proveCredentials(callsOf(accessFromPath(paths(loaded.config).clouds, ownCloud))), {
      retries: wish.newPassword ? 3 : 0,
      minTimeout: 1_000,
      factor: 1,
    });
    const url = wish.url ?? endpointUrl(loaded);
    await registrar.ensureService(
      {
        type: serviceType,
        name: 'troupe',
        description: 'Containers as supervised statechart actors',
        url,
        region,
      },
      wish.replace,
    );
  } finally {
    await admin.transport.close();
  }
}

/** The user, whose password is in the state directory's clouds.yaml and nowhere else. */
async function ensureUser(
  { config }: LoadedConfig,
  wish: BootstrapWish,
  region: string,
  registrar: Registrar,
  cloud: CloudAccess,
  tell: (step: BootstrapStep) => void,
): Promise<string> {
  const file = paths(config).clouds;
  const known = await registrar.findUser(wish.user);
  if (known !== null && !wish.newPassword && existsSync(file)) {
    tell({ what: `user ${wish.user}`, outcome: 'was there' });
    return known;
  }
  if (known !== null && !wish.newPassword)
    throw new TroupeError(
      'INVALID_CONFIG',
      `There is a user "${wish.user}" already, and "${file}" with its password is not here; copy it from another control plane, or give the user a new one with --new-password`,
    );
  const password = randomBytes(32).toString('base64url');
  const auth = {
    auth_url: cloud.authUrl,
    username: wish.user,
    password,
    user_domain_id: serviceDomain,
    project_name: wish.project,
    project_domain_id: serviceDomain,
  };
  const content = {
    auth,
    region_name: region,
    interface: cloud.interface,
    ...(cloud.caFile === null ? {} : { cacert: cloud.caFile }),
  };
  // On disk before the cloud knows it: a password that is lost is lost.
  writePrivateFile(file, stringify({ clouds: { [ownCloud]: content } }));
  tell({ what: file, outcome: 'made' });
  if (known === null) return registrar.makeUser(wish.user, password);
  await registrar.setPassword(wish.user, known, password);
  return known;
}

/** Troupe's own user is let in, and may ask whose a token is. */
async function proveCredentials({ session, keystone, transport }: CloudCalls): Promise<void> {
  try {
    await session.facts();
    await keystone.validate('none-such');
  } catch (error) {
    if (!(error instanceof TroupeError) || error.code !== 'CLOUD_REFUSED') throw error;
    throw new TroupeError(
      'INVALID_CONFIG',
      `${error.message}; with --new-password it is given another password`,
    );
  } finally {
    await transport.close();
  }
}
