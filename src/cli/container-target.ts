/** Which containers a command is about, and doing the same to each. */
import { ApiError } from './api-error.ts';
import { CommandFailed } from './command-failed.ts';
import type { CommandContext } from './command-context.ts';
import type { ContainerView } from './container-view.ts';
import { follow, type Sight } from './follow.ts';

export interface Targets {
  /** By name, id, or the beginning of an id that is nobody else's. @throws ApiError */
  find(nameOrId: string): Promise<ContainerView>;
  /** @param doing e.g. "stopping", told of each @param until what is waited for; null = nothing */
  act(
    names: readonly string[],
    request: (view: ContainerView) => Promise<unknown>,
    doing: string,
    until: ((sight: Sight) => boolean) | null,
  ): Promise<void>;
}

export function createTargets(context: CommandContext): Targets {
  const { client, terminal } = context;

  const find = async (nameOrId: string): Promise<ContainerView> => {
    try {
      return await client().call<ContainerView>('GET', `/v1/containers/${encodeURIComponent(nameOrId)}`);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      const mine = () => client().list<ContainerView>('/v1/containers', 'containers');
      const all = await client()
        .list<ContainerView>('/v1/containers?all_projects=true', 'containers')
        .catch(mine);
      const begun = all.filter(({ uuid }) => uuid.startsWith(nameOrId.toLowerCase()));
      if (begun.length > 1)
        throw new ApiError(
          409,
          `"${nameOrId}" begins the ids of ${begun.length} containers; write more of it`,
        );
      if (!begun[0]) throw error;
      return begun[0];
    }
  };

  /** Does the same to each; what fails for one keeps none of the others. */
  const each = async (
    names: readonly string[],
    act: (view: ContainerView) => Promise<void>,
  ): Promise<void> => {
    const failures: unknown[] = [];
    for (const name of names) {
      try {
        await act(await find(name));
      } catch (error) {
        if (!(error instanceof ApiError || error instanceof CommandFailed) || names.length === 1) throw error;
        terminal.say(`troupe: ${name}: ${error.message}`);
        failures.push(error);
      }
    }
    const [first] = failures as { exitCode: number }[];
    if (first) throw new CommandFailed(`${failures.length} of ${names.length} were not done`, first.exitCode);
  };

  const act = (
    names: readonly string[],
    request: (view: ContainerView) => Promise<unknown>,
    doing: string,
    until: ((sight: Sight) => boolean) | null,
  ): Promise<void> =>
    each(names, async (view) => {
      await request(view);
      terminal.say(`${doing} ${view.name}`);
      if (!until) return;
      const settled = await follow(context, view, until);
      if (settled?.status === 'Error')
        throw new CommandFailed(
          `"${view.name}" failed: ${settled.status_reason ?? 'it is not known why'}`,
          1,
        );
    });

  return { find, act };
}

export const isSettled =
  (statuses: readonly string[]) =>
  ({ status, taskState }: Sight): boolean =>
    taskState === null && statuses.includes(status);
