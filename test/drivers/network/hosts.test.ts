/** The bridge driver on machines with other habits than this one's, each in a namespace of its own. */
import t from 'tap';
import { networkDriverContract, onAnyHost } from '../../conformance/network-driver.ts';
import { bridgeNetworkOn } from '../../support/bridge-network.ts';
import { needRoot } from '../../support/need-root.ts';
import { ownHost } from '../../support/network-host.ts';

needRoot();

await networkDriverContract(
  t,
  'where nobody forwards and iptables does not see what bridges switch',
  () => bridgeNetworkOn(ownHost({ bridgeNetfilter: false, engineFirewall: false, forwarding: false })),
  onAnyHost,
);

await networkDriverContract(
  t,
  "where Docker's firewall forwards nothing, and sees what bridges switch",
  () => bridgeNetworkOn(ownHost({ bridgeNetfilter: true, engineFirewall: true, forwarding: true })),
  onAnyHost,
);
