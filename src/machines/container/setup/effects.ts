/** The effects it names, and what each is given. */
import type { EffectResults } from '../../../model/events.ts';
import { unbound } from '../../unbound.ts';
import type { ContainerContext } from '../context.ts';

/** What each host effect is given: ids and numbers only. */
export interface HostEffectInput {
  readonly containerId: string;
  readonly tenant: string;
  readonly hostId: string;
  readonly run: number;
  readonly graceMs: number;
  /** Milliseconds the agent may take. */
  readonly deadlineMs: number;
}

export interface CreateInput extends HostEffectInput {
  /** What is wanted of it is that it runs. */
  readonly start: boolean;
}

export const hostInput = (context: ContainerContext, deadlineMs: number): HostEffectInput => ({
  containerId: context.id,
  tenant: context.tenant,
  hostId: context.hostId ?? '',
  run: context.run + 1,
  graceMs: context.graceMs,
  deadlineMs,
});

export const containerEffects = {
  deadline: unbound<EffectResults['deadline'], { readonly ms: number }>('deadline'),
  rankHosts: unbound<EffectResults['rankHosts'], { readonly containerId: string; readonly tenant: string }>(
    'rankHosts',
  ),
  pullImage: unbound<EffectResults['pullImage'], HostEffectInput>('pullImage'),
  createContainer: unbound<EffectResults['createContainer'], CreateInput>('createContainer'),
  startContainer: unbound<EffectResults['startContainer'], HostEffectInput>('startContainer'),
  stopContainer: unbound<EffectResults['stopContainer'], HostEffectInput>('stopContainer'),
  removeContainer: unbound<EffectResults['removeContainer'], HostEffectInput>('removeContainer'),
  pauseContainer: unbound<EffectResults['pauseContainer'], HostEffectInput>('pauseContainer'),
  unpauseContainer: unbound<EffectResults['unpauseContainer'], HostEffectInput>('unpauseContainer'),
  killContainer: unbound<EffectResults['killContainer'], HostEffectInput>('killContainer'),
  updateContainer: unbound<EffectResults['updateContainer'], HostEffectInput>('updateContainer'),
  remountContainer: unbound<EffectResults['remountContainer'], HostEffectInput>('remountContainer'),
};
