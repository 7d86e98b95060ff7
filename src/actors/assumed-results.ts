/** What an effect is taken to have done when nothing is done: for trying events out on copies. */
import type { ContainerContext } from '../machines/container/context.ts';
import type { NetworkContext } from '../machines/network/context.ts';
import type { EngineState, Observation } from '../model/container.ts';
import type { Invoke } from './decide.ts';

/**
 * The result of an effect that goes well.
 * @param now epoch ms
 * @returns undefined for what can't be told without doing it: which hosts a scheduler would rank, which subnet a host would find
 */
export function assumedResult({ src, input }: Invoke, context: unknown, now: number): unknown {
  switch (src) {
    case 'pullImage':
    case 'commitContainer':
      return { imageId: '' };
    case 'storeImage':
      return { digest: { algorithm: '', value: '' } };
    case 'createContainer': {
      const isStarted = (input as { readonly start?: boolean }).start === true;
      return { observation: observed(context, isStarted ? 'running' : 'created', isStarted ? now : null) };
    }
    case 'startContainer':
      return { observation: observed(context, 'running', now) };
    case 'stopContainer':
      return { observation: observed(context, 'exited', startOf(context), now) };
    case 'pauseContainer':
      return { observation: observed(context, 'paused', startOf(context)) };
    case 'unpauseContainer':
      return { observation: observed(context, 'running', startOf(context)) };
    case 'makeSandbox':
      return { engineId: null };
    case 'ensureNetwork':
      return (context as NetworkContext).definition ?? undefined;
    case 'lookAtStored':
      return { isSaving: false };
    case 'killContainer':
    case 'removeContainer':
    case 'updateContainer':
    case 'unplugPort':
    case 'awaitPorts':
    case 'markPorts':
    case 'returnPorts':
    case 'removeSandbox':
    case 'removeNetwork':
    case 'ensureVolume':
    case 'removeVolume':
    case 'connectVolume':
    case 'completeVolume':
    case 'disconnectVolume':
    case 'detachVolume':
    case 'discardPromised':
    case 'removeImage':
    case 'discardImage':
      return null;
    default:
      return undefined;
  }
}

const startOf = (context: unknown): number | null =>
  (context as ContainerContext).observation?.startedAt ?? null;

function observed(
  context: unknown,
  state: EngineState,
  startedAt: number | null,
  finishedAt: number | null = null,
): Observation {
  const { id, tenant, generation, hostname, observation } = context as ContainerContext;
  return {
    engineId: '',
    error: null,
    health: 'none',
    hostname,
    addresses: [],
    command: [],
    entrypoint: null,
    ports: [],
    ...observation,
    containerId: id,
    tenant,
    generation,
    state,
    startedAt,
    finishedAt,
    exitCode: finishedAt === null ? null : 0,
    oomKilled: false,
  };
}
