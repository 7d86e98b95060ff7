/**
 * Host effects: operations that go to an agent over its link. Their results
 * come back as upward records (see `../host-reports.ts`), not from here; ending
 * one only stops asking for it.
 */
import { parseAddress, type Address } from '../../model/address.ts';
import { limitsOf, type ContainerSpec } from '../../model/container.ts';
import type {
  DesiredState,
  HostEffectName,
  OperateParams,
  OperationArguments,
  SubjectKind,
} from '../../link/protocol.ts';
import type { HostLinks } from '../../link/host-links.ts';
import type { ContainerContext } from '../../machines/container/context.ts';
import type { NetworkContext } from '../../machines/network/context.ts';
import type { SandboxContext } from '../../machines/sandbox/context.ts';
import type { VolumeContext } from '../../machines/volume/context.ts';
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
  readonly epoch: () => number;
  /** @throws RangeError */
  readonly spec: (address: Address) => ContainerSpec;
  /** What the host keeps of the actor from then on. */
  readonly keepsake: (address: Address, context: unknown) => string;
}

/** After these there is something else to be kept. */
const changing: ReadonlySet<HostEffectName> = new Set([
  'createContainer',
  'startContainer',
  'updateContainer',
  'makeSandbox',
  'unplugPort',
  'ensureNetwork',
  'ensureVolume',
]);

type Arguments = (
  input: ContainerEffectInput,
  context: ContainerContext,
  spec: () => ContainerSpec,
) => OperationArguments;

/** By the name that the container's chart gives an effect. */
const containerArguments: Readonly<Record<string, Arguments>> = {
  pullImage: (_, _context, spec) => ({
    kind: 'pullImage',
    image: spec().image,
    policy: spec().imagePullPolicy,
  }),
  createContainer: ({ run, start = false }, { sandboxId, amounts }, spec) => ({
    kind: 'createContainer',
    spec: { ...spec(), ...limitsOf(amounts) },
    sandboxId,
    run,
    start,
  }),
  startContainer: ({ run }, { amounts }) => ({ kind: 'startContainer', run, limits: limitsOf(amounts) }),
  stopContainer: ({ graceMs }) => ({ kind: 'stopContainer', graceMs }),
  removeContainer: () => ({ kind: 'removeContainer' }),
  pauseContainer: () => ({ kind: 'pauseContainer' }),
  unpauseContainer: () => ({ kind: 'unpauseContainer' }),
  killContainer: (_, { signal }) => ({ kind: 'killContainer', signal }),
  updateContainer: (_, { amounts, resize }) => ({
    kind: 'updateContainer',
    limits: limitsOf(resize?.to ?? amounts),
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

const volumeArguments: Readonly<Record<string, (context: VolumeContext) => OperationArguments>> = {
  ensureVolume: ({ sizeGib }) => ({ kind: 'ensureVolume', sizeGib }),
  removeVolume: () => ({ kind: 'removeVolume' }),
};

export function hostOperations({ links, epoch, spec, keepsake }: HostOperationsOptions): Effects {
  const effects = (
    subject: SubjectKind,
    names: readonly string[],
    argumentsOf: (name: string, run: EffectRun) => OperationArguments,
  ): Effects =>
    Object.fromEntries(
      names.map((name): [string, Effect] => [
        name,
        (run) => {
          const { address, operation, context } = run;
          const { id, tenant } = parseAddress(address);
          const { hostId, deadlineMs } = operation.input as HostEffectInput;
          const args = argumentsOf(name, run);
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
            ...(changing.has(args.kind) && { keepsake: keepsake(address, context) }),
          };
          links().operate(hostId, params);
          return () => links().forget(hostId, operation.opId);
        },
      ]),
    );

  return {
    ...effects('container', Object.keys(containerArguments), (name, { address, operation, context }) =>
      containerArguments[name]!(operation.input as ContainerEffectInput, context as ContainerContext, () =>
        spec(address),
      ),
    ),
    ...effects('sandbox', Object.keys(sandboxArguments), (name, { context }) =>
      sandboxArguments[name]!(context as SandboxContext),
    ),
    ...effects('network', Object.keys(networkArguments), (name, { context }) =>
      networkArguments[name]!(context as NetworkContext),
    ),
    ...effects('volume', Object.keys(volumeArguments), (name, { context }) =>
      volumeArguments[name]!(context as VolumeContext),
    ),
  };
}

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
