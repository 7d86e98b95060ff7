/**
 * The links that lead outside: those of routes by way of a router. What is
 * merely attached to this host (another container system's bridge, a storage
 * network) is not outside.
 */
import type { Host } from '../host.ts';
import type { KernelRoute } from './ip.ts';

export function uplinksOf(routes: readonly KernelRoute[]): readonly string[] {
  const names = routes.flatMap((route) =>
    [route, ...(route.nexthops ?? [])]
      .filter(({ gateway, via }) => gateway !== undefined || via !== undefined)
      .flatMap(({ dev }) => dev ?? []),
  );
  return [...new Set(names)].toSorted();
}

/** The CIDRs of a routing table, without those of one link and without the default. */
export function destinationsOf(routes: readonly KernelRoute[], exceptDev?: string): readonly string[] {
  return routes.flatMap(({ dst, dev }) => {
    if (dst === 'default' || dev === exceptDev) return [];
    return dst.includes('/') ? dst : `${dst}/${dst.includes(':') ? 128 : 32}`;
  });
}

const forwardingOf = (link: string): string => `net/ipv4/conf/${link}/forwarding`;

/** Those of `links` that don't forward what comes in. */
export async function notForwarding(host: Host, links: readonly string[]): Promise<readonly string[]> {
  const values = await Promise.all(links.map((link) => host.readSetting(forwardingOf(link))));
  return links.filter((_, index) => values[index] === '0');
}

export async function switchForwarding(host: Host, links: readonly string[], on: boolean): Promise<void> {
  await Promise.all(links.map((link) => host.writeSetting(forwardingOf(link), on ? '1' : '0')));
}
