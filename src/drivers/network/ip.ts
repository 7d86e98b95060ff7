/** iproute2: what links, addresses and routes there are, and changes of them in batches. */
import type { Host } from '../host.ts';
import type { Namespace } from './namespace.ts';
import { commandFailure } from './network-errors.ts';

/** Of `ip -json link`, what we read. */
export interface Link {
  readonly ifindex: number;
  readonly ifname: string;
  /** Index of the other end of a veth, in its own namespace. */
  readonly link_index?: number;
  readonly master?: string;
  /** A number as text, or a name of /etc/iproute2/group. */
  readonly group: string;
  readonly ifalias?: string;
  readonly address?: string;
  readonly mtu: number;
}

export interface LinkAddress {
  readonly family: 'inet' | 'inet6';
  readonly local: string;
  readonly prefixlen: number;
  readonly scope: string;
}

export interface AddressedLink extends Link {
  readonly addr_info: readonly LinkAddress[];
}

export interface KernelRoute {
  /** `default`, an address or a CIDR. */
  readonly dst: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly via?: object;
  readonly protocol: string;
  readonly nexthops?: readonly { readonly dev?: string; readonly gateway?: string; readonly via?: object }[];
}

export interface Ip {
  /** All links of the host, or of one kind. */
  links(signal: AbortSignal): Promise<readonly Link[]>;
  /** Null when there is none of this name. */
  link(name: string, signal: AbortSignal): Promise<Link | null>;
  addresses(signal: AbortSignal, inside?: Namespace): Promise<readonly AddressedLink[]>;
  routes(family: 4 | 6, signal: AbortSignal, inside?: Namespace): Promise<readonly KernelRoute[]>;
  /**
   * Runs commands in order, up to the first that fails.
   *
   * @param attempt for the message of what is thrown
   * @throws TroupeError NETWORK_ERROR, HOST_INCAPABLE
   */
  batch(attempt: string, lines: readonly string[], signal: AbortSignal, where?: Where): Promise<void>;
}

export interface Where {
  /** The commands run in this namespace. */
  readonly inside?: Namespace;
  /** The commands run in the host's; `/proc/self/fd/3` names this one. */
  readonly naming?: Namespace;
}

export function createIp(host: Host): Ip {
  const run = (args: readonly string[], input: string, signal: AbortSignal, where: Where = {}) => {
    const { inside, naming } = where;
    if (inside) return inside.run('ip', args, { input, signal });
    return host.run('ip', args, { input, signal, ...(naming && { fd: naming.fd }) });
  };

  const read = async <T>(args: readonly string[], signal: AbortSignal, inside?: Namespace) => {
    const result = await run(['-json', ...args], '', signal, inside ? { inside } : {});
    if (result.status !== 0) throw commandFailure('The links of this host could not be read', 'ip', result);
    return result.output.trim() === '' ? [] : (JSON.parse(result.output) as readonly T[]);
  };

  return {
    links: (signal) => read<Link>(['link', 'show'], signal),
    async link(name, signal) {
      const result = await run(['-json', 'link', 'show', 'dev', name], '', signal);
      if (result.status !== 0) {
        if (/does not exist/i.test(result.errors)) return null;
        throw commandFailure(`The link "${name}" could not be read`, 'ip', result);
      }
      return (JSON.parse(result.output) as readonly Link[])[0] ?? null;
    },
    addresses: (signal, inside) => read<AddressedLink>(['-details', 'address', 'show'], signal, inside),
    routes: (family, signal, inside) => read<KernelRoute>([`-${family}`, 'route', 'show'], signal, inside),
    async batch(attempt, lines, signal, where = {}) {
      const result = await run(['-batch', '-'], lines.map((line) => `${line}\n`).join(''), signal, where);
      if (result.status !== 0) throw commandFailure(attempt, 'ip', result);
    },
  };
}
