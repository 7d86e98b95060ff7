/** How an engine keeps network namespaces apart from containers, and lets containers join them. */
import { TroupeError } from '../../errors/errors.ts';
import type { OperationIdentity } from './operation-identity.ts';
import type { Joined, RuntimeDriver } from './runtime-driver.ts';

export interface SandboxKeeper {
  readonly ensure: RuntimeDriver['ensureSandbox'];
  readonly remove: RuntimeDriver['removeSandbox'];
  readonly list: RuntimeDriver['listSandboxes'];
  /** What a container that joins it is created with. @throws TroupeError SANDBOX_GONE */
  join(
    identity: OperationIdentity,
    sandbox: Joined,
    hostname: string | null,
    signal: AbortSignal,
  ): Promise<Membership>;
  /** Called before a container that joined it starts. @throws TroupeError SANDBOX_GONE */
  assertAlive(sandboxId: string): Promise<void>;
}

export interface Membership {
  readonly sandboxId: string;
  readonly networkMode: string;
  /** Set on the container; null where the engine takes the sandbox's. */
  readonly ownHostname: string | null;
  /** The name its processes will see, where the engine's inspection doesn't tell it. */
  readonly hostname: string | null;
}

const wellFormed = /^[A-Za-z0-9][\w.-]{0,199}$/;

/** An id becomes a name at the engine, or of a file. @throws TroupeError INVALID_SPEC */
export function assertSandboxId(sandboxId: string): void {
  if (wellFormed.test(sandboxId)) return;
  throw new TroupeError(
    'INVALID_SPEC',
    `Sandbox id "${sandboxId}" is not one: use letters, digits, ".", "_" and "-"`,
  );
}

export function sandboxGone(sandboxId: string, reason: string): TroupeError {
  return new TroupeError('SANDBOX_GONE', `Sandbox "${sandboxId}" ${reason}`, { details: { sandboxId } });
}
