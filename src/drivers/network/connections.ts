/**
 * Connections the kernel remembers how to translate. One that goes on (a UDP
 * client that never pauses) is translated as it was when it began: to a
 * container that is gone, or not to one that is there now. So they are
 * forgotten when what is published changes; their next packet begins anew.
 *
 * Without the program `conntrack`, which `probe` asks for, they end when they
 * have been silent for long enough.
 */
import { TroupeError } from '../../errors/errors.ts';
import type { Host } from '../host.ts';
import type { PublishedPort } from './network-driver.ts';
import type { Publication } from './firewall-contents.ts';

/** Connections that were translated to what is published no more. */
export async function forgetTranslated(
  host: Host,
  removed: readonly Publication[],
  signal: AbortSignal,
): Promise<void> {
  for (const { protocol, hostPort, address } of removed) {
    const which = ['--orig-port-dst', String(hostPort), '--reply-src', address];
    await forget(host, ['--proto', protocol, ...which], signal);
  }
}

/** Datagrams that reached the host itself before; a TCP connection to it goes on with whom it began. */
export async function forgetEarlier(
  host: Host,
  added: readonly PublishedPort[],
  local: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const { protocol, hostPort, hostAddress } of added) {
    if (protocol !== 'udp') continue;
    for (const address of hostAddress === null ? local : [hostAddress]) {
      const which = ['--orig-dst', address, '--orig-port-dst', String(hostPort)];
      await forget(host, ['--proto', 'udp', ...which], signal);
    }
  }
}

async function forget(host: Host, which: readonly string[], signal: AbortSignal): Promise<void> {
  try {
    // Its status is 1 when there was none to forget.
    await host.run('conntrack', ['--delete', ...which], { signal });
  } catch (error) {
    if (!(error instanceof TroupeError) || error.details['program'] !== 'conntrack') throw error;
  }
}
