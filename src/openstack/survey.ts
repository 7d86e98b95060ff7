/** What the services of a cloud say of themselves: for whoever looks a site over, and part of nobody's work. */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { TroupeError } from '../errors/errors.ts';
import { cinderType, microversion } from './cinder.ts';
import type { CloudSession } from './session.ts';
import type { CloudAnswer } from './transport.ts';

export interface NeutronAgent {
  /** What it calls its machine. */
  readonly host: string;
  /** `Linux bridge agent`, `Open vSwitch agent`, `DHCP agent` … */
  readonly type: string;
  readonly isAlive: boolean;
  readonly isEnabled: boolean;
  /** When it was last heard, as Neutron writes it (UTC). */
  readonly heardAt: string;
}

export interface CinderProcess {
  /** `cinder-volume`, `cinder-scheduler` … */
  readonly program: string;
  /** Of a volume process with its backend: `host@backend`. */
  readonly host: string;
  readonly isUp: boolean;
  readonly isEnabled: boolean;
}

/** All throw TroupeError CLOUD_UNAVAILABLE; CLOUD_REFUSED also where the catalog has no such service, or it is too old. */
export interface Survey {
  /** Aliases of Neutron's extensions that are loaded. */
  neutronExtensions(): Promise<readonly string[]>;
  neutronAgents(): Promise<readonly NeutronAgent[]>;
  cinderProcesses(): Promise<readonly CinderProcess[]>;
  /** That Glance tells images to Troupe's own user. */
  glance(): Promise<void>;
}

const extensionsShape = Compile(
  Type.Object({ extensions: Type.Array(Type.Object({ alias: Type.String() })) }),
);
const agentsShape = Compile(
  Type.Object({
    agents: Type.Array(
      Type.Object({
        host: Type.String(),
        agent_type: Type.String(),
        alive: Type.Boolean(),
        admin_state_up: Type.Boolean(),
        heartbeat_timestamp: Type.String(),
      }),
    ),
  }),
);
const servicesShape = Compile(
  Type.Object({
    services: Type.Array(
      Type.Object({
        binary: Type.String(),
        host: Type.String(),
        state: Type.String(),
        status: Type.String(),
      }),
    ),
  }),
);
const imagesShape = Compile(Type.Object({ images: Type.Array(Type.Unknown()) }));

/** @see Networking API v2.0, "Agents", "Extensions"; Block Storage API v3, "Services"; Image API v2 */
export function createSurvey(session: CloudSession): Survey {
  const ask = async (
    service: string,
    type: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<CloudAnswer> => {
    const operation = 'survey';
    const answer = await session.send({
      service,
      operation,
      type,
      method: 'GET',
      path,
      headers,
      repeatable: true,
    });
    if (answer.status === 200) return answer;
    throw new TroupeError(
      'CLOUD_REFUSED',
      answer.status === 406
        ? `${service} is older than Troupe can speak to: it knows no microversion "${headers['openstack-api-version']}"`
        : answer.status === 403
          ? `Troupe’s own user may not ask ${service} for ${path} (403)`
          : `${service} does not answer ${path} (${answer.status})`,
    );
  };
  const odd = (service: string): TroupeError =>
    new TroupeError(
      'CLOUD_UNAVAILABLE',
      `${service} answers with something else than was asked for; is it ${service}?`,
    );

  return {
    async neutronExtensions() {
      const { body } = await ask('Neutron', 'network', '/v2.0/extensions');
      if (!extensionsShape.Check(body)) throw odd('Neutron');
      return body.extensions.map(({ alias }) => alias);
    },
    async neutronAgents() {
      const { body } = await ask('Neutron', 'network', '/v2.0/agents');
      if (!agentsShape.Check(body)) throw odd('Neutron');
      return body.agents.map((agent) => ({
        host: agent.host,
        type: agent.agent_type,
        isAlive: agent.alive,
        isEnabled: agent.admin_state_up,
        heardAt: agent.heartbeat_timestamp,
      }));
    },
    async cinderProcesses() {
      const { catalog } = await session.facts();
      const headers = { 'openstack-api-version': microversion };
      // 406: it is older than that.
      const { body } = await ask('Cinder', cinderType(catalog), '/os-services', headers);
      if (!servicesShape.Check(body)) throw odd('Cinder');
      return body.services.map(({ binary, host, state, status }) => ({
        program: binary,
        host,
        isUp: state === 'up',
        isEnabled: status === 'enabled',
      }));
    },
    async glance() {
      const { body } = await ask('Glance', 'image', '/v2/images?limit=1');
      if (!imagesShape.Check(body)) throw odd('Glance');
    },
  };
}
