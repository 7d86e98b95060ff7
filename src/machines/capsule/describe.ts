/** What each invoke of the chart waits for, in words. */
import { describeBy } from '../describe.ts';
import type { CapsuleContext } from './context.ts';

const onHost = ({ hostname, hostId }: CapsuleContext): string => `on host "${hostname ?? hostId ?? ''}"`;

const descriptions: Readonly<Record<string, string | ((context: CapsuleContext) => string)>> = {
  'gathering.deadline': 'all its members to be written down',
  'placing.deadline': 'the time to find a host to run out',
  rankHosts: 'the scheduler to rank the hosts',
  'placing.backoff': 'a host that is away to come back',
  'claim.deadline': ({ candidates }) => `host "${candidates[0]?.hostname ?? ''}" to grant or refuse room`,
  'sandbox.deadline': (context) => `its network to be made ${onHost(context)}`,
  'sandbox.backoff': 'the pause before its network is made again',
  'members.deadline': (context) => `its members to be removed ${onHost(context)}`,
  'stuck.pause': 'the pause before its members are asked again to go',
};

export const describeCapsule = describeBy('capsule', descriptions);
