/** A container's way through its states, told as it happens. */
import { ApiError } from './api-error.ts';
import type { CommandContext } from './command-context.ts';
import { isSeenByAdmin, type ContainerView } from './container-view.ts';

/** Where the container is now. */
export interface Sight {
  readonly status: string;
  /** Null once it is settled. */
  readonly taskState: string | null;
  readonly paths: readonly string[];
  readonly reason: string | null;
}

/** The last state of a container's chart. */
const gone = 'deleted';

/** Between two questions where no live updates are to be had. */
const askMs = 1_000;

/**
 * Tells each state that the container comes through, until `isEnough` of one
 * of them, or it is gone. The answer is how it is then; null when it is gone.
 */
export async function follow(
  { client, terminal, pause }: Pick<CommandContext, 'client' | 'terminal' | 'pause'>,
  view: ContainerView,
  isEnough: (sight: Sight) => boolean,
  signal: AbortSignal = new AbortController().signal,
): Promise<ContainerView | null> {
  let told = '';
  const see = (sight: Sight): boolean => {
    const line = `${sight.paths.join(', ')}${sight.reason ? `: ${sight.reason}` : ''}`;
    if (line !== told) terminal.say(`  ${line}`);
    told = line;
    return isEnough(sight);
  };
  /** It was faster than whoever looks: that is enough. */
  const seeGone = (): true => {
    if (told !== gone) terminal.say(`  ${gone}`);
    return true;
  };
  const path = `/v1/containers/${view.uuid}`;
  const look = (): Promise<ContainerView | null> =>
    client()
      .call<ContainerView>('GET', path)
      .catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      });

  const enough = new AbortController();
  try {
    await client().watch(
      { id: view.uuid, kinds: ['container'], allProjects: isSeenByAdmin(view) },
      {
        say: (text) => terminal.say(`  ${text}`),
        frame(frame) {
          if (frame.type === 'hello') return;
          if (frame.type === 'snapshot') {
            const [item] = frame.items;
            if (item ? see({ ...item, paths: item.statePaths }) : seeGone()) enough.abort();
            return;
          }
          if (see({ ...frame, paths: frame.to }) || frame.ended) enough.abort();
        },
      },
      AbortSignal.any([signal, enough.signal]),
    );
    return await look();
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 503) throw error;
    terminal.say(`  no live updates are to be had (${error.message}); asking each second instead`);
  }
  for (;;) {
    const now = await look();
    if (!now) seeGone();
    if (!now || signal.aborted) return now;
    const { status, task_state: taskState, lifecycle_state: paths, status_reason: reason } = now;
    if (see({ status, taskState, paths, reason })) return now;
    await pause(askMs);
  }
}
