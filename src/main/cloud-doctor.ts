/** Looks over what this site takes of its cloud: Keystone, and each service that a driver is configured to use. */
import type { DoctorFinding } from '../cli/roots.ts';
import type { LoadedConfig } from '../config/load.ts';
import { TroupeError } from '../errors/errors.ts';
import type { Environment } from '../model/environment.ts';
import type { CloudAccess } from '../openstack/access.ts';
import { endpointOf } from '../openstack/catalog.ts';
import { cinderType } from '../openstack/cinder.ts';
import { createSurvey, type CinderProcess, type NeutronAgent, type Survey } from '../openstack/survey.ts';
import type { CatalogService, TokenFacts } from '../openstack/tokens.ts';
import { fault, fine } from './finding.ts';
import { endpointUrl, serviceType } from './keystone-bootstrap.ts';
import { createCloudCalls, serviceAccess } from './keystone.ts';

const bootstrap = 'Run "troupe keystone bootstrap" with the credentials of the cloud’s admin';

/** What `openstack/neutron.ts` and `actors/effects/neutron-ports.ts` go by. @see Networking API v2.0, "Extensions" */
const extensions: Readonly<Record<string, string>> = {
  binding: 'ports are bound to hosts',
  'security-group': 'ports have security groups',
  'standard-attr-tag': 'ports are marked as ours',
  'standard-attr-description': 'security groups are marked as ours',
  'standard-attr-timestamp': 'the oldest network is found',
  'revision-if-match': 'a port is changed by one at a time',
  'external-net': 'external networks are told apart',
  'rbac-policies': 'shared networks are found',
  'net-mtu': 'containers get the MTU of their network',
  agent: 'it is told whether its agents live',
};

interface Looked {
  readonly loaded: LoadedConfig;
  readonly access: CloudAccess;
  readonly facts: TokenFacts;
  readonly survey: Survey;
  /** What Neutron calls the hosts of this site. */
  readonly neutronHosts: readonly string[];
}

/** The credentials, what they may do, what the catalog says of us, and the services. */
export async function cloudFindings(
  loaded: LoadedConfig,
  environment: Environment,
  neutronHosts: readonly string[],
): Promise<readonly DoctorFinding[]> {
  const { auth } = loaded.config;
  if (auth.kind === 'tokens') return [];
  let access: CloudAccess;
  try {
    access = serviceAccess(loaded);
  } catch (error) {
    return [fault('keystone', (error as Error).message, bootstrap)];
  }
  const { session, keystone, transport } = createCloudCalls(access, auth.timeoutMs, environment);
  try {
    const facts = await session.facts();
    await keystone.validate('none-such');
    const found = fine('keystone', `user "${facts.userName}" may ask ${access.authUrl} whose a token is`);
    const looked = { loaded, access, facts, survey: createSurvey(session), neutronHosts };
    return [
      found,
      catalogFinding(loaded, facts.catalog, access),
      ...(await glanceFindings(looked)),
      ...(await neutronFindings(looked)),
      ...(await cinderFindings(looked)),
    ];
  } catch (error) {
    const isRefused = error instanceof TroupeError && error.code === 'CLOUD_REFUSED';
    const fix = isRefused
      ? `${bootstrap}, and --new-password if the password is not right`
      : `Start Keystone, or correct its address, now ${access.authUrl}`;
    return [fault('keystone', (error as Error).message, fix)];
  } finally {
    await transport.close();
  }
}

function catalogFinding(
  loaded: LoadedConfig,
  catalog: readonly CatalogService[],
  { region }: CloudAccess,
): DoctorFinding {
  const wanted = endpointUrl(loaded);
  const urls = (['public', 'internal', 'admin'] as const).map((each) => {
    try {
      return endpointOf(catalog, serviceType, { region, interface: each });
    } catch (error) {
      return error as Error;
    }
  });
  const missing = urls.find((each) => each instanceof Error);
  if (missing) return fault('catalog', missing.message, bootstrap);
  const other = [...new Set(urls)].filter((each) => each !== wanted);
  return other.length === 0
    ? fine('catalog', `clients find ${wanted}`)
    : fault(
        'catalog',
        `clients find ${other.join(' and ')}, and this site is at ${wanted}`,
        `${bootstrap} and --replace, or set api.publicUrl to how clients reach this site`,
      );
}

/** One service: where the catalog has it, and what is asked of it there. */
async function service(
  { access, facts }: Looked,
  check: string,
  type: string,
  name: string,
  look: (url: string) => Promise<readonly DoctorFinding[]>,
): Promise<readonly DoctorFinding[]> {
  let url: string;
  try {
    url = endpointOf(facts.catalog, type, access);
  } catch (error) {
    const fix = `Correct region_name and interface in Troupe’s clouds.yaml, or make it: openstack endpoint create --region REGION ${type} ${access.interface} URL`;
    return [fault(check, (error as Error).message, fix)];
  }
  try {
    return await look(url);
  } catch (error) {
    const isRefused = error instanceof TroupeError && error.code === 'CLOUD_REFUSED';
    const fix = isRefused
      ? `Give Troupe’s user the roles that ${name} wants (${bootstrap}); if it has them, see the log of ${name}`
      : `Start ${name}, or correct its endpoint, now ${url}`;
    return [fault(check, (error as Error).message, fix)];
  }
}

/** Roles of these names are what services ask for, unless their policies say otherwise. */
function lacking({ facts }: Looked, check: string, roles: readonly string[]): DoctorFinding | null {
  const missing = roles.filter((role) => !facts.roles.includes(role));
  if (missing.length === 0) return null;
  const user = facts.userName;
  return fault(
    check,
    `user "${user}" has the roles ${facts.roles.join(', ')} and lacks ${missing.join(', ')}`,
    missing
      .map(
        (role) => `openstack role add --user ${user} --project ${facts.project?.name ?? 'service'} ${role}`,
      )
      .join('; '),
  );
}

async function glanceFindings(looked: Looked): Promise<readonly DoctorFinding[]> {
  const { driver, commitsTo } = looked.loaded.config.images;
  const isWanted = driver === 'glance' || commitsTo !== 'host';
  // It is there for whoever asks for `image_driver: glance`.
  if (!isWanted && !looked.facts.catalog.some(({ type }) => type === 'image')) return [];
  return service(looked, 'glance', 'image', 'Glance', async (url) => {
    await looked.survey.glance();
    const role = lacking(looked, 'glance', ['admin']);
    return [role ?? fine('glance', `tells its images at ${url}`)];
  });
}

async function neutronFindings(looked: Looked): Promise<readonly DoctorFinding[]> {
  if (looked.loaded.config.network.driver !== 'neutron') return [];
  return service(looked, 'neutron', 'network', 'Neutron', async (url) => {
    const role = lacking(looked, 'neutron', ['admin']);
    if (role) return [role];
    const loaded = new Set(await looked.survey.neutronExtensions());
    const missing = Object.entries(extensions).filter(([alias]) => !loaded.has(alias));
    const found =
      missing.length === 0
        ? fine('neutron', `has all that is needed at ${url}`)
        : fault(
            'neutron',
            `lacks the extensions ${missing.map(([alias, use]) => `${alias} (${use})`).join(', ')}`,
            'Load them by core_plugin = ml2 and service_plugins of neutron.conf, and restart neutron-server',
          );
    const agents = await looked.survey.neutronAgents();
    return [found, ...looked.neutronHosts.map((host) => agentFinding(host, agents))];
  });
}

/** Whose ports this Troupe plugs, as Neutron calls them, and the program of each. */
const plugged: Readonly<Record<string, string>> = {
  'Linux bridge agent': 'neutron-linuxbridge-agent',
  'Open vSwitch agent': 'neutron-openvswitch-agent',
};
const wantedType = Object.keys(plugged).join(' or ');
const wantedProgram = Object.values(plugged).join(' or ');

function agentFinding(host: string, agents: readonly NeutronAgent[]): DoctorFinding {
  const check = 'neutron-agent';
  const here = agents.filter((agent) => agent.host === host);
  const ours = here.filter(({ type }) => type in plugged);
  const agent = ours.find(({ isAlive }) => isAlive) ?? ours[0];
  if (!agent && here.length > 0)
    return fault(
      check,
      `on "${host}" Neutron has ${here.map(({ type }) => `a ${type}`).join(', ')}, and no ${wantedType}`,
      `Run ${wantedProgram} there; ports of others are not plugged yet`,
    );
  if (!agent) {
    const known = [...new Set(agents.filter(({ type }) => type in plugged).map((each) => each.host))];
    return fault(
      check,
      `Neutron knows no ${wantedType} on "${host}"; it knows ${known.length > 0 ? known.map((each) => `"${each}"`).join(', ') : 'none'}`,
      `Start ${wantedProgram} there, or set network.neutronHost to what its configuration says in "host"`,
    );
  }
  if (!agent.isAlive)
    return fault(
      check,
      `the ${agent.type} on "${host}" is dead: last heard ${agent.heardAt} UTC`,
      `Start ${plugged[agent.type]} there, and see its log; until then no port comes up on that host`,
    );
  return agent.isEnabled
    ? fine(check, `alive on "${host}"`)
    : fault(
        check,
        `the ${agent.type} on "${host}" is disabled`,
        'openstack network agent set --enable, with its id',
      );
}

async function cinderFindings(looked: Looked): Promise<readonly DoctorFinding[]> {
  const { loaded, facts, survey } = looked;
  if (loaded.config.volume.driver !== 'cinder') return [];
  return service(looked, 'cinder', cinderType(facts.catalog), 'Cinder', async (url) => {
    // Of somebody who has no role "service" Cinder ends no attachment (CVE-2023-2088).
    const role = lacking(looked, 'cinder', ['admin', 'service']);
    if (role) return [role];
    const processes = await survey.cinderProcesses();
    return [fine('cinder', `has all that is needed at ${url}`), ...processFindings(processes)];
  });
}

function processFindings(all: readonly CinderProcess[]): readonly DoctorFinding[] {
  return ['cinder-volume', 'cinder-scheduler'].map((program) => {
    const known = all.filter((each) => each.program === program && each.isEnabled);
    const down = known.filter(({ isUp }) => !isUp).map(({ host }) => `"${host}"`);
    if (known.length === 0)
      return fault(
        program,
        'Cinder knows none that is enabled',
        `Start ${program}, or: openstack volume service set --enable HOST ${program}`,
      );
    return down.length === 0
      ? fine(program, `up on ${known.map(({ host }) => `"${host}"`).join(', ')}`)
      : fault(
          program,
          `is down on ${down.join(', ')}`,
          `Start ${program} there, and see its log; until then what needs it waits`,
        );
  });
}
