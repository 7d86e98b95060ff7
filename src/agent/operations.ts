/** What each operation asks of the driver. */
import type { CreateOptions, OperationIdentity, RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import type { OperationArguments } from '../link/protocol.ts';

/** Resolves with what the operation's result tells. @throws what the driver throws */
export function perform(
  driver: RuntimeDriver,
  identity: OperationIdentity,
  args: OperationArguments,
  signal: AbortSignal,
): Promise<unknown> {
  switch (args.kind) {
    case 'pullImage':
      return driver.pullImage(identity, args.image, args.policy, signal);
    // A container's own sandbox goes by the container's id.
    case 'ensureSandbox':
      return driver.ensureSandbox(
        identity,
        { sandboxId: identity.containerId, hostname: args.hostname },
        signal,
      );
    case 'removeSandbox':
      return driver.removeSandbox(identity, identity.containerId, signal).then(() => null);
    case 'createContainer':
      return driver
        .createContainer(identity, toCreateOptions(args), signal)
        .then((observation) => ({ observation }));
    case 'startContainer':
      return driver
        .startContainer(identity, { run: args.run, limits: null }, signal)
        .then((observation) => ({ observation }));
    case 'stopContainer':
      return driver.stopContainer(identity, args, signal).then((observation) => ({ observation }));
    case 'removeContainer':
      return driver.removeContainer(identity, signal).then(() => null);
  }
}

function toCreateOptions({
  spec,
  sandboxId,
  run,
}: Extract<OperationArguments, { kind: 'createContainer' }>): CreateOptions {
  // The driver finds the rest of a sandbox by its id.
  const sandbox = sandboxId === null ? null : { sandboxId, engineId: null, netnsPath: '' };
  return { spec, sandbox, files: null, mounts: [], run };
}
