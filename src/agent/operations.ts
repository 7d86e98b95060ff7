/** What each operation asks of the driver. */
import type { OperationIdentity, RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
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
    case 'ensureSandbox':
      return driver.ensureSandbox(identity, args.hostname, signal);
    case 'removeSandbox':
      return driver.removeSandbox(identity, signal).then(() => null);
    case 'createContainer':
      return driver.createContainer(identity, args, signal).then((observation) => ({ observation }));
    case 'startContainer':
      return driver.startContainer(identity, args, signal).then((observation) => ({ observation }));
    case 'stopContainer':
      return driver.stopContainer(identity, args, signal).then((observation) => ({ observation }));
    case 'removeContainer':
      return driver.removeContainer(identity, signal).then(() => null);
  }
}
