/** What is asked of running containers beside their life: nothing is kept of it, and nothing is asked twice. */
import type { OperationIdentity } from '../drivers/runtime/operation-identity.ts';
import type { RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import type { ServeParams } from '../link/protocol.ts';
import { power } from './operations.ts';

/** @throws TroupeError HOST_INCAPABLE, CONTAINER_GONE, INVALID_STATE, INVALID_SPEC */
export async function serve(
  driver: RuntimeDriver,
  host: Pick<OperationIdentity, 'worldId' | 'epoch'>,
  opId: string,
  { containerId, tenant, generation, service }: ServeParams,
  signal: AbortSignal,
): Promise<unknown> {
  switch (service.kind) {
    case 'top':
      return power(driver, 'top').top(containerId, service.psArgs, signal);
    case 'stats':
      return power(driver, 'stats').sample(containerId, signal);
    case 'execute':
      return power(driver, 'exec').run(
        { ...host, opId, containerId, tenant, generation },
        {
          command: service.command,
          timeLimitMs: service.timeLimitMs,
          maxOutputBytes: service.outputMostBytes,
        },
        signal,
      );
  }
}
