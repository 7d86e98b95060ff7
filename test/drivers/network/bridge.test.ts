/** The bridge driver on this machine, beside whatever else is at its rules. */
import t from 'tap';
import { networkDriverContract, onOneHost } from '../../conformance/network-driver.ts';
import { bridgeNetworkOn } from '../../support/bridge-network.ts';
import { needRoot } from '../../support/need-root.ts';
import { machineHost } from '../../support/network-host.ts';

needRoot();

await networkDriverContract(t, 'on this machine', () => bridgeNetworkOn(machineHost()), onOneHost);
