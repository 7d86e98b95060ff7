/**
 * Host effects: operations that go to an agent over its link. Their results
 * come back as upward records (see `../host-reports.ts`), not from here; ending
 * one only stops asking for it.
 */
import { toFailure, TroupeError } from '../../errors/errors.ts';
import { parseAddress, type Address } from '../../model/address.ts';
import { limitsOf, type ContainerSpec, type HotMount, type StoredImageRef } from '../../model/container.ts';
import type { Environment } from '../../model/environment.ts';
import { engineImage, isCommitted, splitImage } from '../../model/image.ts';
import type { RegistryCredential } from '../../model/registry.ts';
import type {
  DesiredState,
  HostEffectName,
  OperateParams,
  OperationArguments,
  SubjectKind,
} from '../../link/protocol.ts';
import type { HostLinks } from '../../link/host-links.ts';
import { hotMounts, type ContainerContext } from '../../machines/container/context.ts';

import type { ImageContext } from '../../machines/image/context.ts';
import type { NetworkContext } from '../../machines/network/context.ts';
import type { SandboxContext } from '../../machines/sandbox/context.ts';
import type { VolumeContext } from '../../machines/volume/context.ts';
import type { StoredImageWish } from '../image-store.ts';
import type { ImageTransfers } from '../image-transfers.ts';
import type { ReachedVolume } from './cinder-volumes.ts';
import type { Effect, EffectRun, Effects } from './effect.ts';

/** What every host effect's input has; made by the chart. */
interface HostEffectInput {
  readonly hostId: string;
  readonly deadlineMs: number;
}

/** What those of a container have beside it. */
interface ContainerEffectInput extends HostEffectInput {
  readonly run: number;
  readonly graceMs: number;
  /** Of a create. */
  readonly start?: boolean;
}

export interface HostOperationsOptions {
  readonly links: () => HostLinks;
  readonly transfers: ImageTransfers;
  readonly epoch: () => number;
  /** @throws RangeError */
  readonly spec: (address: Address) => ContainerSpec;
  /** What is shown to the image's registry. @throws TroupeError REGISTRY_NOT_FOUND, FORBIDDEN */
  readonly credential: (tenant: string, registryId: string, image: string) => RegistryCredential | null;
  /** How Cinder's volume is reached, by its attachment; null where that has ended. @throws TroupeError CLOUD_UNAVAILABLE */
  readonly reach: Reach;
  readonly defer: Environment['defer'];
  /** What the host keeps of the actor from then on. */
  readonly keepsake: (address: Address, context: unknown, operation: HostEffectName) => string;
}

/** Tickets for the bytes of images that hosts get from us and give us. */
interface Tickets {
  readonly isLayered: boolean;
  give(image: StoredImageRef): string;
  take(wish: Omit<StoredImageWish, 'tenant'>): string;
}

type Credential = (registryId: string, image: string) => RegistryCredential | null;

/** After these there is something else to be kept. */
const changing: ReadonlySet<HostEffectName> = new Set([
  'createContainer',
  'startContainer',
  'updateContainer',
  'remountContainer',
  // It goes on, should the store forget that it was asked for.
  'removeContainer',
  'makeSandbox',
  'unplugPort',
  'ensureNetwork',
  'ensureVolume',
  'connectVolume',
]);

type Arguments = (
  input: ContainerEffectInput,
  context: ContainerContext,
  spec: () => ContainerSpec,
  credential: Credential,
  tickets: Tickets,
) => OperationArguments;

/** What its agent mounts into it at each start; not said where there is none. */
function hotOf(mounts: ContainerContext['mounts']): { readonly hot?: readonly HotMount[] } {
  const hot = hotMounts(mounts.filter(({ leaving }) => !leaving));
  return hot.length > 0 ? { hot } : {};
}

/** By the name that the container's chart gives an effect. */
const containerArguments: Readonly<Record<string, Arguments>> = {
  pullImage: (_, _context, spec, credential, tickets) => {
    const { imagePullPolicy, registryId, stored } = spec();
    const pull = pullOf(engineImage(spec()), imagePullPolicy, registryId, credential);
    return stored === null
      ? pull
      : { ...pull, from: { ticket: tickets.give(stored), digest: stored.digest } };
  },
  createContainer: ({ run, start = false }, { sandboxId, amounts, mounts }, spec) => ({
    kind: 'createContainer',
    spec: { ...spec(), ...limitsOf(amounts), image: engineImage(spec()) },
    sandboxId,
    run,
    start,
    ...hotOf(mounts),
  }),
  startContainer: ({ run }, { amounts, mounts }) => ({
    kind: 'startContainer',
    run,
    limits: limitsOf(amounts),
    ...hotOf(mounts),
  }),
  stopContainer: ({ graceMs }) => ({ kind: 'stopContainer', graceMs }),
  removeContainer: () => ({ kind: 'removeContainer' }),
  pauseContainer: () => ({ kind: 'pauseContainer' }),
  unpauseContainer: () => ({ kind: 'unpauseContainer' }),
  killContainer: (_, { signal }) => ({ kind: 'killContainer', signal }),
  updateContainer: (_, { amounts, resize }) => ({
    kind: 'updateContainer',
    limits: limitsOf(resize?.to ?? amounts),
  }),
  remountContainer: (_, { mounts }) => ({
    kind: 'remountContainer',
    hot: hotMounts(mounts.filter(({ leaving }) => !leaving)),
    leaving: hotMounts(mounts.filter(({ leaving }) => leaving)),
  }),
};

const sandboxArguments: Readonly<Record<string, (context: SandboxContext) => OperationArguments>> = {
  makeSandbox: ({ hostname, ports, published }) => ({ kind: 'makeSandbox', hostname, ports, published }),
  unplugPort: ({ leaving }) => ({ kind: 'unplugPort', portId: leaving?.portId ?? '' }),
  removeSandbox: ({ ports, leaving }) => ({
    kind: 'removeSandbox',
    portIds: [...ports, ...(leaving ? [leaving] : [])].map(({ portId }) => portId),
  }),
};

const networkArguments: Readonly<Record<string, (context: NetworkContext) => OperationArguments>> = {
  // Who has an address of it keeps it; while nobody does, the host may find it another subnet.
  ensureNetwork: ({ definition, subnet, ports }) => ({
    kind: 'ensureNetwork',
    subnet: ports > 0 ? (definition?.subnet ?? subnet) : subnet,
  }),
  removeNetwork: () => ({ kind: 'removeNetwork' }),
};

type Reach = (context: VolumeContext) => Promise<ReachedVolume | null>;

const volumeArguments: Readonly<
  Record<string, (context: VolumeContext, reach: Reach) => OperationArguments | Promise<OperationArguments>>
> = {
  ensureVolume: ({ sizeGib }) => ({ kind: 'ensureVolume', sizeGib }),
  removeVolume: () => ({ kind: 'removeVolume' }),
  async connectVolume(context, reach) {
    const found = await reach(context);
    if (found === null)
      throw new TroupeError('VOLUME_NOT_FOUND', 'Somebody has ended its attachment in Cinder');
    return {
      kind: 'connectVolume',
      cinderId: context.cinder?.volumeId ?? '',
      readOnly: context.cinder?.readOnly ?? false,
      isNew: context.cinder?.isTemporary ?? false,
      ...found,
    };
  },
  disconnectVolume: async (context, reach) => ({
    kind: 'disconnectVolume',
    connection: (await reach(context))?.connection ?? null,
  }),
};

const imageArguments: Readonly<
  Record<string, (context: ImageContext, credential: Credential, tickets: Tickets) => OperationArguments>
> = {
  pullImage: ({ reference, origin }, credential) =>
    origin.kind === 'pull'
      ? pullOf(reference, origin.policy, origin.registryId, credential)
      : pullOf(reference, 'always', null, credential),
  commitContainer({ reference, origin }) {
    const { containerId, generation } =
      origin.kind === 'commit' ? origin : { containerId: '', generation: 0 };
    return { kind: 'commitContainer', containerId, generation, image: reference };
  },
  storeImage({ id, reference, name, storedId }, _credential, tickets) {
    const { repo: repository, tag } = splitImage(name);
    const ticket = tickets.take({ id: storedId ?? '', imageId: id, repository, tag });
    return { kind: 'storeImage', image: reference, name, ticket, isLayered: tickets.isLayered };
  },
  removeImage: ({ reference }) => ({ kind: 'removeImage', image: reference }),
};

/** What a project made of its containers is in no registry. */
function pullOf(
  image: string,
  policy: ContainerSpec['imagePullPolicy'],
  registryId: string | null,
  credential: Credential,
): Extract<OperationArguments, { readonly kind: 'pullImage' }> {
  return {
    kind: 'pullImage',
    image,
    policy: isCommitted(image) ? 'never' : policy,
    credential: registryId === null ? null : credential(registryId, image),
  };
}

export function hostOperations({
  links,
  transfers,
  epoch,
  spec,
  credential,
  reach,
  defer,
  keepsake,
}: HostOperationsOptions): Effects {
  const ticketsOf = (address: Address, opId: string): Tickets => {
    const tenant = parseAddress(address).tenant ?? '';
    return {
      isLayered: transfers.isLayered,
      give: (image) => transfers.give(opId, { ...image, tenant }),
      take: (wish) => transfers.take(opId, { ...wish, tenant }),
    };
  };
  /** By the kind of actor, then by the name that its chart gives an effect. */
  const argumentsOf: Readonly<Record<SubjectKind, Readonly<Record<string, ArgumentsOf>>>> = {
    container: mapped(containerArguments, (make, { address, operation, context }) =>
      make(
        operation.input as ContainerEffectInput,
        context as ContainerContext,
        () => spec(address),
        (registryId, image) => credential(parseAddress(address).tenant ?? '', registryId, image),
        ticketsOf(address, operation.opId),
      ),
    ),
    sandbox: mapped(sandboxArguments, (make, { context }) => make(context as SandboxContext)),
    network: mapped(networkArguments, (make, { context }) => make(context as NetworkContext)),
    volume: mapped(volumeArguments, (make, { context }) => make(context as VolumeContext, reach)),
    image: mapped(imageArguments, (make, { address, operation, context }) =>
      make(
        context as ImageContext,
        (registryId, image) => credential(parseAddress(address).tenant ?? '', registryId, image),
        ticketsOf(address, operation.opId),
      ),
    ),
  };

  const operate =
    (name: string): Effect =>
    (run) => {
      const { address, operation, context } = run;
      const { kind, id, tenant } = parseAddress(address);
      const subject = kind as SubjectKind;
      const { hostId, deadlineMs } = operation.input as HostEffectInput;
      const send = (args: OperationArguments): void => {
        const params: OperateParams = {
          opId: operation.opId,
          subject,
          containerId: id,
          tenant: tenant ?? '',
          generation: subject === 'container' ? (context as ContainerContext).generation : 1,
          epoch: epoch(),
          revision: operation.revision,
          deadlineMs,
          args,
          desired: subject === 'container' ? desiredOf(args, context as ContainerContext) : nothing,
          ...(changing.has(args.kind) && { keepsake: keepsake(address, context, args.kind) }),
        };
        links().operate(hostId, params);
      };
      let wanted = true;
      let args: ReturnType<ArgumentsOf>;
      try {
        args = argumentsOf[subject][name]!(run);
      } catch (error) {
        defer(() => run.failed(toFailure(error)));
        return () => {};
      }
      if (args instanceof Promise)
        args.then(
          (found) => wanted && send(found),
          (error: unknown) => wanted && run.failed(toFailure(error)),
        );
      else send(args);
      return () => {
        wanted = false;
        links().forget(hostId, operation.opId);
        transfers.end(operation.opId);
      };
    };

  const names = new Set(Object.values(argumentsOf).flatMap((each) => Object.keys(each)));
  return Object.fromEntries([...names].map((name) => [name, operate(name)]));
}

/** Asked of the cloud first where an agent is to know what nobody keeps. */
type ArgumentsOf = (run: EffectRun) => OperationArguments | Promise<OperationArguments>;

/** The same names, each with what makes its arguments of a run. */
const mapped = <M>(
  makers: Readonly<Record<string, M>>,
  make: (maker: M, run: EffectRun) => ReturnType<ArgumentsOf>,
): Readonly<Record<string, ArgumentsOf>> =>
  Object.fromEntries(
    Object.entries(makers).map(([name, maker]) => [name, (run: EffectRun) => make(maker, run)]),
  );

/** What the agent may keep up by itself once the lease is gone: only what a start has asked to run. */
function desiredOf(args: OperationArguments, context: ContainerContext): DesiredState {
  return {
    running: args.kind === 'startContainer' || (args.kind === 'createContainer' && args.start),
    run: context.run,
    restarts: context.restarts,
    restartPolicy: context.restartPolicy,
  };
}

const nothing: DesiredState = {
  running: false,
  run: 0,
  restarts: 0,
  restartPolicy: { name: 'no', maximumRetryCount: 0 },
};
