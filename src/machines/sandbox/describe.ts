/** What each invoke of the chart waits for, in words. */
import { describeBy } from '../describe.ts';
import type { SandboxContext } from './context.ts';

const onHost = ({ hostId }: SandboxContext): string => `host ${hostId}`;

const descriptions: Readonly<Record<string, (context: SandboxContext) => string>> = {
  'allocate.deadline': ({ networks, ports }) =>
    `network ${networks[ports.length]?.networkId ?? ''} to give an address`,
  'make.deadline': () => 'the time to make its namespace to run out',
  'bind.deadline': () => 'the time for Neutron to give its port to run out',
  ensurePort: () => 'Neutron to give its port',
  makeWay: () => 'sandboxes made ahead to give way',
  'bind.backoff': () => 'the pause before Neutron is asked for its port again',
  'wire.deadline': () => 'the time for Neutron’s agent to wire its ports to run out',
  awaitPorts: (context) => `Neutron’s agent on ${onHost(context)} to wire its ports`,
  'wire.backoff': () => 'the pause before Neutron is asked again whether its ports are wired',
  'attach.ensurePort': () => 'Neutron to give its port',
  'attach.makeWay': () => 'sandboxes made ahead to give way',
  'attach.bind.backoff': () => 'the pause before Neutron is asked for its port again',
  'attach.awaitPorts': (context) => `Neutron’s agent on ${onHost(context)} to wire its ports`,
  'attach.wire.backoff': () => 'the pause before Neutron is asked again whether its ports are wired',
  'giveBack.deadline': () => 'the time for Neutron to take its port back to run out',
  giveBack: () => 'Neutron to take its port back',
  'giveBack.backoff': () => 'the pause before its port is given back to Neutron again',
  'mark.deadline': () => 'the time for Neutron to take note of whose its ports are to run out',
  markPorts: () => 'Neutron to take note of whose its ports are',
  'mark.backoff': () => 'the pause before Neutron is told again whose its ports are',
  'regroup.deadline': () => 'the time for Neutron to change its security groups to run out',
  regroupPorts: () => 'Neutron to change its security groups',
  'regroup.backoff': () => 'the pause before Neutron is asked again to change its security groups',
  'return.deadline': () => 'the time for Neutron to take its ports back to run out',
  returnPorts: () => 'Neutron to take its ports back',
  'return.backoff': () => 'the pause before its ports are given back to Neutron again',
  makeSandbox: (context) => `${onHost(context)} to make and plug its namespace`,
  'make.backoff': () => 'the pause before its namespace is made again',
  'attach.deadline': () => 'the time to attach the network to run out',
  plugPort: (context) => `${onHost(context)} to plug the network`,
  'plug.backoff': () => 'the pause before the network is plugged again',
  'unplug.deadline': () => 'the time to unplug the network to run out',
  unplugPort: (context) => `${onHost(context)} to unplug the network`,
  'unplug.backoff': () => 'the pause before the network is unplugged again',
  'remove.deadline': () => 'the time to remove its namespace to run out',
  removeSandbox: (context) => `${onHost(context)} to remove its namespace`,
  'remove.backoff': () => 'the pause before its namespace is removed again',
  'stuck.pause': (context) => `the pause before ${onHost(context)} is asked again to remove it`,
  'stuck.deadline': (context) => `${onHost(context)}, which hangs, to answer in time`,
  'stuck.removeSandbox': (context) => `${onHost(context)}, which hangs, to remove its namespace`,
};

export const describeSandbox = describeBy('sandbox', descriptions);
