/** What each invoke of the chart waits for, in words. */
import type { ContainerContext } from './context.ts';

const onHost = ({ hostname, hostId }: ContainerContext): string => `on host "${hostname ?? hostId ?? ''}"`;

const descriptions: Readonly<Record<string, (context: ContainerContext) => string>> = {
  'placing.deadline': () => 'the time to find a host to run out',
  rankHosts: () => 'the scheduler to rank the hosts',
  'placing.backoff': () => 'a host that is away to come back',
  'claim.deadline': ({ candidates }) => `host "${candidates[0]?.hostname ?? ''}" to grant or refuse room`,
  'image.deadline': () => 'the time to pull the image to run out',
  pullImage: (context) => `the container engine ${onHost(context)} to have the image`,
  'image.backoff': () => 'the pause before the image is pulled again',
  'sandbox.deadline': () => 'the time to make its network to run out',
  ensureSandbox: (context) => `the agent ${onHost(context)} to make its network`,
  'sandbox.backoff': () => 'the pause before its network is made again',
  'create.deadline': () => 'the time to create it to run out',
  createContainer: (context) => `the container engine ${onHost(context)} to create it`,
  'create.backoff': () => 'the pause before it is created again',
  'start.deadline': () => 'the time to start it to run out',
  startContainer: (context) => `the container engine ${onHost(context)} to start it`,
  'start.backoff': () => 'the pause before it is started again',
  'restart.backoff': () => 'the pause before its restart policy starts it again',
  'stop.deadline': () => 'the time to stop it to run out',
  stopContainer: (context) => `the container engine ${onHost(context)} to stop it`,
  'stop.backoff': () => 'the pause before it is stopped again',
  'removeStop.deadline': () => 'the time to stop it before its removal to run out',
  removeStop: (context) => `the container engine ${onHost(context)} to stop it before its removal`,
  'remove.deadline': () => 'the time to remove it to run out',
  removeContainer: (context) => `the container engine ${onHost(context)} to remove it`,
  'remove.backoff': () => 'the pause before it is removed again',
  'removeSandbox.deadline': () => 'the time to remove its network to run out',
  removeSandbox: (context) => `the agent ${onHost(context)} to remove its network`,
  'removeSandbox.backoff': () => 'the pause before its network is removed again',
  'stuck.pause': (context) => `the pause before the engine ${onHost(context)} is asked again to remove it`,
  'stuck.deadline': (context) => `the engine ${onHost(context)}, which hangs, to answer in time`,
  'stuck.removeContainer': (context) => `the engine ${onHost(context)}, which hangs, to remove it`,
};

/** @throws RangeError for an invoke that the chart does not have */
export function describeContainer(invokeId: string, context: unknown): string {
  const description = descriptions[invokeId];
  if (!description) throw new RangeError(`The container chart has no invoke "${invokeId}"`);
  return description(context as ContainerContext);
}
