/** What changes nothing in a container's life: its chart is asked whether it may be, its host does it. */
import { TroupeError } from '../errors/errors.ts';
import type { HostLinks } from '../link/host-links.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import { parseAddress, type Address } from '../model/address.ts';
import { getArchive, putArchive } from './archives.ts';
import type { ControlPlane } from './index.ts';
import { permitOf } from './lifecycle.ts';
import { openSession } from './open-session.ts';
import type { Runtime } from './runtime.ts';

type ContainerServices = Pick<
  ControlPlane,
  'permits' | 'serve' | 'openSession' | 'getArchive' | 'putArchive' | 'logs'
>;

/** @param problem of a container that can't be read */
export function createContainerServices(
  runtime: Pick<Runtime, 'cell'>,
  links: HostLinks,
  problem: (address: Address) => TroupeError | null,
): ContainerServices {
  /** @throws TroupeError CONTAINER_NOT_FOUND, QUARANTINED */
  const found = (address: Address) => {
    const known = problem(address);
    if (known) throw known;
    const cell = runtime.cell(address);
    if (!cell?.committed)
      throw new TroupeError(
        'CONTAINER_NOT_FOUND',
        `Container ${parseAddress(address).id} could not be found.`,
      );
    const { record, projection } = cell.committed;
    return { cell, record, projection, context: record.context as ContainerContext };
  };
  return {
    permits(address, service) {
      const { cell, record } = found(address);
      const { answer, reason } = permitOf(cell, { type: service });
      return { answer, reason, revision: record.revision };
    },
    async serve(address, service, limitMs) {
      const { id, tenant, generation, hostId } = found(address).context;
      return links.serve(hostId ?? '', { containerId: id, tenant, generation, service }, limitMs);
    },
    async openSession(address, wish, signal) {
      const { cell, context } = found(address);
      const { answer, reason } = permitOf(cell, { type: `container.${wish.kind}` });
      if (answer === 'refused')
        throw new TroupeError('INVALID_STATE', reason ?? 'The state of the container does not permit it now');
      return openSession(links, context, wish, signal);
    },
    getArchive: async (address, path, signal) => getArchive(links, found(address).context, path, signal),
    putArchive: async (address, path, tar, signal) =>
      putArchive(links, found(address).context, path, tar, signal),
    async logs(address, options, signal) {
      const { context, projection } = found(address);
      const { id, hostId, containerHeld } = context;
      if (hostId === null || !containerHeld) {
        const { status } = projection;
        throw new TroupeError(
          'INVALID_STATE',
          `Cannot logs container ${id} in ${status} state: it is not on a host, so it has no log`,
          { details: { state: status } },
        );
      }
      return links.openStream(hostId, id, { kind: 'logs', ...options }, signal);
    },
  };
}
