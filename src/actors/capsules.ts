/** Capsules as the APIs see them: found, made, deleted; with their members as these were last committed. */
import { TroupeError } from '../errors/errors.ts';
import type { CapsuleContext } from '../machines/capsule/context.ts';
import type { SandboxContext } from '../machines/sandbox/context.ts';
import {
  containerAddress,
  parseAddress,
  sandboxAddress,
  tenantAddress,
  type Address,
} from '../model/address.ts';
import type { Caller, CommandAnswer } from '../model/caller.ts';
import type { CapsuleRequest, CapsuleView } from '../model/capsule.ts';
import type { ContainerView } from '../model/container-view.ts';
import { causeOf } from './cause-of.ts';
import type { Cell } from './cell.ts';
import { createCapsuleAdmission, type CapsuleAdmissionOptions } from './create-capsule.ts';
import { canonicalUuid } from './read-model.ts';

/** Containers that share a sandbox. `tenant` null = all of them. */
export interface Capsules {
  /** In order of creation. */
  list(tenant: string | null): readonly CapsuleView[];
  /** By UUID (any spelling of it) or name. @throws TroupeError CAPSULE_NOT_FOUND, NAME_AMBIGUOUS, QUARANTINED */
  find(tenant: string | null, idOrName: string): CapsuleView;
  /**
   * Answers once the tenant's reservation, the capsule and all its members are durable.
   * @throws TroupeError as `ControlPlane.createContainer`
   */
  create(request: CapsuleRequest): Promise<CapsuleView>;
  delete(capsule: CapsuleView, caller: Caller): Promise<CommandAnswer>;
}

export interface CapsulesOptions extends CapsuleAdmissionOptions {
  /** @throws TroupeError for an actor that takes nothing now */
  readonly check: (address: Address) => void;
  /** @throws TroupeError QUARANTINED for one that can't be read */
  readonly turnAway: (tenant: string | null, id: string | null) => void;
  /** @throws TroupeError COMMIT_UNKNOWN when it takes too long */
  readonly within: <T>(address: Address, answer: Promise<T>) => Promise<T>;
  readonly container: (cell: Cell) => ContainerView | null;
}

export function createCapsules(options: CapsulesOptions): Capsules {
  const { runtime, specs, check, within } = options;
  const admission = createCapsuleAdmission(options);

  const publishedOf = ({ tenant, sandboxId }: CapsuleContext): CapsuleView['published'] => {
    const cell = sandboxId === null ? undefined : runtime.cell(sandboxAddress(tenant, sandboxId));
    return (cell?.committed?.record.context as SandboxContext | undefined)?.bound ?? [];
  };

  const view = ({ address, committed }: Cell): CapsuleView => {
    const { record, paths, projection } = committed!;
    const context = record.context as CapsuleContext;
    const { id, tenant, members, hostname, ports } = context;
    const viewsOf = (isInit: boolean): readonly ContainerView[] =>
      members.flatMap((member) => {
        const cell = runtime.cell(containerAddress(tenant, member.containerId));
        return (member.isInit === isInit && cell && options.container(cell)) || [];
      });
    return {
      address, id, tenant, spec: specs.get(address), status: projection.status, reason: projection.reason,
      statePaths: paths, hostname, ports, published: publishedOf(context), initContainers: viewsOf(true),
      containers: viewsOf(false), createdAt: record.createdAt, updatedAt: record.updatedAt, since: record.since,
    }; // prettier-ignore
  };

  const cellsOf = (tenant: string | null): readonly Cell[] =>
    [...runtime.cellsOf('capsule').values()].filter(
      ({ address, committed }) =>
        committed &&
        committed.record.endedAt === null &&
        (tenant === null || parseAddress(address).tenant === tenant),
    );

  return {
    list: (tenant) =>
      cellsOf(tenant)
        .map(view)
        .toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)),
    find(tenant, idOrName) {
      const uuid = canonicalUuid(idOrName);
      options.turnAway(tenant, uuid);
      const all = cellsOf(tenant);
      const direct = all.find(({ address }) => parseAddress(address).id === uuid);
      if (direct) return view(direct);
      const [found, ...others] = all.filter(({ address }) => specs.get(address).name === idOrName);
      if (others.length > 0)
        throw new TroupeError('NAME_AMBIGUOUS', `Several capsules are called "${idOrName}"; use the uuid`);
      if (!found) throw new TroupeError('CAPSULE_NOT_FOUND', `Capsule ${idOrName} could not be found.`);
      return view(found);
    },
    async create(request) {
      const address = admission.address(request);
      for (const each of [tenantAddress(request.caller.projectId), address]) check(each);
      await within(address, admission.create(request, address));
      const cell = runtime.cell(address);
      if (!cell?.committed)
        throw new TroupeError('CAPSULE_NOT_FOUND', `Capsule ${parseAddress(address).id} could not be found.`);
      return view(cell);
    },
    delete({ address }, caller) {
      check(address);
      return within(address, runtime.ask(address, { type: 'capsule.delete' }, causeOf(caller), 'command'));
    },
  };
}
