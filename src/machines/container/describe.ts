/** What each invoke of the chart waits for, in words. */
import type { ContainerContext } from './context.ts';
import { describeBy } from '../describe.ts';

const onHost = ({ hostname, hostId }: ContainerContext): string => `on host "${hostname ?? hostId ?? ''}"`;

const descriptions: Readonly<Record<string, (context: ContainerContext) => string>> = {
  'placing.deadline': () => 'the time to find a host to run out',
  rankHosts: () => 'the scheduler to rank the hosts',
  'placing.backoff': () => 'a host that is away to come back',
  'claim.deadline': ({ candidates }) => `host "${candidates[0]?.hostname ?? ''}" to grant or refuse room`,
  'image.deadline': () => 'the time to pull the image to run out',
  pullImage: (context) => `the container engine ${onHost(context)} to have the image`,
  'image.backoff': () => 'the pause before the image is pulled again',
  'claimSandbox.deadline': () => 'the sandbox that is meant for it to answer',
  'sandbox.deadline': (context) => `its network to be made ${onHost(context)}`,
  'sandbox.backoff': () => 'the pause before its network is made again',
  'volumes.deadline': () => 'its volumes to be attached',
  'mending.deadline': (context) => `its network to be made again ${onHost(context)}`,
  'rewiring.deadline': (context) => `its networks to be changed ${onHost(context)}`,
  'pause.deadline': () => 'the time to pause it to run out',
  pauseContainer: (context) => `the container engine ${onHost(context)} to pause it`,
  'unpause.deadline': () => 'the time to unpause it to run out',
  unpauseContainer: (context) => `the container engine ${onHost(context)} to unpause it`,
  'kill.deadline': () => 'the time to send it a signal to run out',
  killContainer: (context) => `the container engine ${onHost(context)} to send it a signal`,
  'reboot.deadline': () => 'the time to stop it for its reboot to run out',
  rebootStop: (context) => `the container engine ${onHost(context)} to stop it, to start it again`,
  'reboot.backoff': () => 'the pause before it is stopped again, for its reboot',
  'rebuildStop.deadline': () => 'the time to stop it before its rebuild to run out',
  rebuildStop: (context) => `the container engine ${onHost(context)} to stop it before its rebuild`,
  'rebuild.deadline': () => 'the time to remove it for its rebuild to run out',
  rebuildRemove: (context) => `the container engine ${onHost(context)} to remove what it was`,
  'rebuild.backoff': () => 'the pause before it is removed again, for its rebuild',
  'reclaim.deadline': (context) => `${onHost(context).slice(3)} to grant more room`,
  'update.deadline': () => 'the time to change its limits to run out',
  updateContainer: (context) => `the container engine ${onHost(context)} to take its new limits`,
  'create.deadline': () => 'the time to create it to run out',
  createContainer: (context) =>
    `the container engine ${onHost(context)} to create it${context.wanted === 'running' ? ' and start it' : ''}`,
  'create.backoff': () => 'the pause before it is created again',
  'start.deadline': () => 'the time to start it to run out',
  startContainer: (context) => `the container engine ${onHost(context)} to start it`,
  'start.backoff': () => 'the pause before it is started again',
  'restart.backoff': ({ restarts, restartPolicy: { name, maximumRetryCount: most } }) =>
    `restart ${restarts}${most > 0 ? ` of ${most}` : ''} by its restart policy "${name}"`,
  'stop.deadline': () => 'the time to stop it to run out',
  stopContainer: (context) => `the container engine ${onHost(context)} to stop it`,
  'stop.backoff': () => 'the pause before it is stopped again',
  'removeStop.deadline': () => 'the time to stop it before its removal to run out',
  removeStop: (context) => `the container engine ${onHost(context)} to stop it before its removal`,
  'remove.deadline': () => 'the time to remove it to run out',
  removeContainer: (context) => `the container engine ${onHost(context)} to remove it`,
  'remove.backoff': () => 'the pause before it is removed again',
  'leaving.pause': () => 'its volumes to be detached',
  'stuck.pause': (context) => `the pause before the engine ${onHost(context)} is asked again to remove it`,
  'stuck.deadline': (context) => `the engine ${onHost(context)}, which hangs, to answer in time`,
  'stuck.removeContainer': (context) => `the engine ${onHost(context)}, which hangs, to remove it`,
};

export const describeContainer = describeBy('container', descriptions);
