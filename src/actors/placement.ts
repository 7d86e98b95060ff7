/** From a spec to a placement: what its hints mean here, and the hosts ranked for it. */
import { TroupeError } from '../errors/errors.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import { neighboursOf, type TenantContext } from '../machines/tenant/context.ts';
import {
  containerAddress,
  networkAddress,
  parseAddress,
  tenantAddress,
  volumeAddress,
  type Address,
} from '../model/address.ts';
import type { Amounts, ContainerSpec } from '../model/container.ts';
import type { Environment } from '../model/environment.ts';
import type { EffectResults, SandboxMode } from '../model/events.ts';
import type { HostView } from '../model/host.ts';
import { engineImage, isCommitted } from '../model/image.ts';
import type { Neighbours, PlacementTerms } from '../model/placement.ts';
import { parseHints, type Constraints } from '../scheduler/hints.ts';
import { rankHosts } from '../scheduler/rank.ts';
import type { Binding, Reference, Strategy } from '../scheduler/request.ts';
import { seedOf } from '../scheduler/seed.ts';
import type { Runtime } from './runtime.ts';

/** A placement that has come to no claim within this is not on its way any more, as a rule. Milliseconds. */
const inFlightMs = 1_000;

export interface PlacementOptions {
  readonly environment: Environment;
  readonly runtime: () => Runtime;
  readonly views: () => readonly HostView[];
  /** Where a project's own image is; null when no host has it. */
  readonly committedOn: (tenant: string, reference: string) => string | null;
  readonly strategy: Strategy;
  /** The site's. */
  readonly neighbours: Neighbours;
}

export interface Placement {
  /**
   * Looks at what can't be right from the start, before anything is reserved.
   * @throws TroupeError INVALID_VALUE naming the hint, container, label, network or volume; REQUESTED_HOST_NOT_FOUND
   */
  check(tenant: string, spec: ContainerSpec): void;
  /** What its host will decide by, as the tenant wants it now. */
  terms(tenant: string, spec: ContainerSpec): PlacementTerms;
  /** @param exclude hosts that refused already */
  rank(
    container: {
      readonly id: string;
      readonly tenant: string;
      readonly terms: PlacementTerms;
      readonly sandbox: SandboxMode;
    },
    spec: ContainerSpec,
    exclude: readonly string[],
  ): EffectResults['rankHosts'];
  /** It holds its claim, which the views show. */
  claimed(id: string): void;
}

export function createPlacement(options: PlacementOptions): Placement {
  const { environment, runtime, views } = options;
  /** Those that were ranked and hold no claim yet, by id, with the monotonic time of it, which only rises. */
  const ranked = new Map<string, number>();

  const constraintsOf = (spec: ContainerSpec): Constraints => {
    const parsed = parseHints(spec.hints);
    if ('error' in parsed) throw new TroupeError('INVALID_VALUE', parsed.error);
    return parsed;
  };

  const refer = (tenant: string, containerId: string): Reference => {
    const state = runtime().cell(containerAddress(tenant, containerId))?.committed;
    const context = state?.record.context as ContainerContext | undefined;
    return { containerId, hostId: context?.hostId ?? null, alive: context !== undefined };
  };

  /** @throws TroupeError INVALID_VALUE for a network, volume or image of the project's that is not there */
  const bindingsOf = (tenant: string, spec: ContainerSpec): readonly Binding[] => {
    const { networks, mounts, images = [spec] } = spec;
    const bind = (what: string, address: Address): Binding => {
      const context = runtime().cell(address)?.committed?.record.context as
        { readonly hostId: string; readonly name: string | null } | undefined;
      if (!context)
        throw new TroupeError('INVALID_VALUE', `${what} "${parseAddress(address).id}" could not be found`);
      return {
        what: `${what.toLowerCase()} "${context.name ?? parseAddress(address).id}"`,
        hostId: context.hostId,
      };
    };
    const ofImage = ({
      image,
      imageReference,
    }: Pick<ContainerSpec, 'image' | 'imageReference'>): readonly Binding[] => {
      if (imageReference === null || !isCommitted(imageReference)) return [];
      const hostId = options.committedOn(tenant, imageReference);
      if (hostId === null)
        throw new TroupeError('INVALID_VALUE', `No host has the image "${image}" any more; commit it anew`);
      return [{ what: `image "${image}"`, hostId }];
    };
    return [
      ...images.flatMap(ofImage),
      ...networks
        // Those of Neutron are wherever its agents are.
        .filter(({ isDefault, neutron }) => !isDefault && !neutron)
        .map(({ networkId }) => bind('Network', networkAddress(tenant, networkId))),
      ...mounts
        .filter(({ made }) => made === null)
        .map(({ volumeId }) => bind('Volume', volumeAddress(tenant, volumeId))),
    ];
  };

  /** What was there at admission may have gone since: whoever is asked for it says so. */
  const boundNow = (tenant: string, spec: ContainerSpec): readonly Binding[] => {
    try {
      return bindingsOf(tenant, spec);
    } catch {
      return [];
    }
  };

  /** Placements whose claims the views may not show yet, beside this one. */
  const countInFlight = (id: string): number => {
    const now = environment.monotonic();
    for (const [each, at] of ranked) {
      if (now - at <= inFlightMs) break;
      ranked.delete(each);
    }
    ranked.delete(id);
    ranked.set(id, now);
    return ranked.size - 1;
  };

  return {
    claimed: (id) => void ranked.delete(id),
    check(tenant, spec) {
      const { labels, sameHost, differentHost } = constraintsOf(spec);
      bindingsOf(tenant, spec);
      for (const id of [...sameHost, ...differentHost]) {
        if (!refer(tenant, id).alive)
          throw new TroupeError('INVALID_VALUE', `Container "${id}", which a hint names, could not be found`);
      }
      const hosts = views();
      const unknown = labels.find(
        ([name]) => hosts.length > 0 && !hosts.some((host) => Object.hasOwn(host.labels, name)),
      );
      if (unknown)
        throw new TroupeError('INVALID_VALUE', `No host has a label "${unknown[0]}", which a hint asks for`);
      const { requestedHost } = spec;
      if (
        requestedHost !== null &&
        !hosts.some(({ id, hostname }) => id === requestedHost || hostname === requestedHost)
      )
        throw new TroupeError(
          'REQUESTED_HOST_NOT_FOUND',
          `Requested host ${requestedHost} could not be found.`,
        );
    },
    terms(tenant, spec) {
      const context = runtime().cell(tenantAddress(tenant))?.committed?.record.context as
        TenantContext | undefined;
      return {
        neighbours: context ? neighboursOf(context) : options.neighbours,
        group: constraintsOf(spec).group,
      };
    },
    rank({ id, tenant, terms, sandbox }, spec, exclude) {
      const { labels, sameHost, differentHost } = constraintsOf(spec);
      return rankHosts(views(), {
        tenant,
        amounts: amountsOf(spec),
        image: engineImage(spec),
        runtime: spec.runtime,
        needsNetworks:
          sandbox === 'own' ||
          spec.networks.length > 0 ||
          spec.published.some(({ hostPort }) => hostPort !== 0),
        bound: boundNow(tenant, spec),
        availabilityZone: spec.availabilityZone,
        requestedHost: spec.requestedHost,
        labels,
        sameHost: sameHost.map((each) => refer(tenant, each)),
        differentHost: differentHost.map((each) => refer(tenant, each)),
        terms,
        exclude: new Set(exclude),
        strategy: options.strategy,
        seed: seedOf(id),
        inFlight: countInFlight(id),
      });
    },
  };
}

/** What a spec takes from quotas and hosts. */
export function amountsOf(spec: ContainerSpec): Amounts {
  return {
    containers: 1,
    cpuMillis: Math.round((spec.cpu ?? 0) * 1000),
    memoryMib: spec.memoryMib ?? 0,
    diskGib: spec.diskGib,
  };
}
