/** Whom a container asks for names: resolv.conf(5). Pure. */
import { TroupeError } from '../../errors/errors.ts';
import { contains, familyOf, isAddress } from '../../model/subnet.ts';

export interface Dns {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  /** E.g. `ndots:2`. */
  readonly options: readonly string[];
}

/**
 * What of a host's resolv.conf holds inside a container, too: not its loopback
 * resolvers, which are others there, nor those with an IPv6 address, which
 * networks don't lead to.
 */
export function readResolvConf(text: string): Dns {
  const lines = text.split('\n').map((line) =>
    line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/),
  );
  const valuesOf = (keyword: string): readonly (readonly string[])[] =>
    lines.filter(([first]) => first === keyword).map(([, ...values]) => values);
  // Of search and domain the last one counts.
  const searches = lines.filter(([first]) => first === 'search' || first === 'domain');
  return {
    nameservers: valuesOf('nameserver')
      .flatMap(([address]) => address ?? [])
      .filter((address) => isAddress(address) && familyOf(address) === 4 && !isOwn(address)),
    search: (searches.at(-1) ?? []).slice(1).filter(isDomain),
    options: valuesOf('options').flat().filter(isOption),
  };
}

/** 127.0.0.0/8, and 0.0.0.0, which means the same. */
function isOwn(address: string): boolean {
  return contains('127.0.0.0/8', address) || address === '0.0.0.0';
}

/** @throws TroupeError INVALID_INPUT for what would be more than an address, a domain or an option */
export function renderResolvConf({ nameservers, search, options }: Dns): string {
  for (const [values, isRight, what] of [
    [nameservers, isAddress, 'the address of a name server'],
    [search, isDomain, 'a domain to search'],
    [options, isOption, 'an option of resolv.conf'],
  ] as const)
    for (const value of values)
      if (!isRight(value)) throw new TroupeError('INVALID_INPUT', `"${value}" is not ${what}`);
  return [
    ...nameservers.map((address) => `nameserver ${address}`),
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

/** A lone dot is no search at all. */
function isDomain(text: string): boolean {
  return /^([a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?|\.)$/i.test(text) && text.length < 254;
}

function isOption(text: string): boolean {
  return /^[a-z][a-z0-9-]*(:\d+)?$/.test(text);
}
