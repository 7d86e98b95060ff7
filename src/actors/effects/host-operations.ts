/**
 * Host effects: operations that go to an agent over its link. Their results
 * come back as upward records (see `../host-reports.ts`), not from here; ending
 * one only stops asking for it.
 */
import { parseAddress } from '../../model/address.ts';
import type { ContainerSpec } from '../../model/container.ts';
import type { DesiredState, HostEffectName, OperateParams, OperationArguments } from '../../link/protocol.ts';
import type { HostLinks } from '../../link/host-links.ts';
import type { ContainerContext } from '../../machines/container/context.ts';
import type { Address } from '../../model/address.ts';
import type { Effect, EffectRun, Effects } from './effect.ts';

/** What every host effect's input has; made by the chart. */
interface HostEffectInput {
  readonly hostId: string;
  readonly deadlineMs: number;
  readonly run: number;
  readonly graceMs: number;
}

export interface HostOperationsOptions {
  readonly links: () => HostLinks;
  readonly epoch: () => number;
  /** @throws RangeError */
  readonly spec: (address: Address) => ContainerSpec;
}

export function hostOperations({ links, epoch, spec }: HostOperationsOptions): Effects {
  const effect =
    (kind: HostEffectName): Effect =>
    (run) => {
      const { hostId } = run.operation.input as HostEffectInput;
      links().operate(hostId, operation(kind, run));
      return () => links().forget(hostId, run.operation.opId);
    };

  const operation = (
    kind: HostEffectName,
    { address, operation: { opId, input, revision }, context }: EffectRun,
  ): OperateParams => {
    const { id, tenant } = parseAddress(address);
    const { generation } = context as ContainerContext;
    return {
      opId,
      containerId: id,
      tenant: tenant ?? '',
      generation,
      epoch: epoch(),
      revision,
      deadlineMs: (input as HostEffectInput).deadlineMs,
      args: argumentsOf(kind, input as HostEffectInput, context as ContainerContext, spec(address)),
      desired: desiredOf(kind, context as ContainerContext),
    };
  };

  return {
    pullImage: effect('pullImage'),
    ensureSandbox: effect('ensureSandbox'),
    removeSandbox: effect('removeSandbox'),
    createContainer: effect('createContainer'),
    startContainer: effect('startContainer'),
    stopContainer: effect('stopContainer'),
    removeContainer: effect('removeContainer'),
  };
}

function argumentsOf(
  kind: HostEffectName,
  input: HostEffectInput,
  context: ContainerContext,
  spec: ContainerSpec,
): OperationArguments {
  switch (kind) {
    case 'pullImage':
      return { kind, image: spec.image, policy: spec.imagePullPolicy };
    case 'ensureSandbox':
      return { kind, hostname: spec.hostname };
    case 'createContainer':
      return { kind, spec, sandboxId: context.sandboxId, run: input.run };
    case 'startContainer':
      return { kind, run: input.run };
    case 'stopContainer':
      return { kind, graceMs: input.graceMs };
    case 'removeSandbox':
    case 'removeContainer':
      return { kind };
  }
}

/** What the agent may keep up by itself once the lease is gone: only what a start has asked to run. */
function desiredOf(kind: HostEffectName, context: ContainerContext): DesiredState {
  return {
    running: kind === 'startContainer',
    run: context.run,
    restarts: context.restarts,
    restartPolicy: context.restartPolicy,
  };
}
