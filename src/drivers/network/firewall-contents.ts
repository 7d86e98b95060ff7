/** Elements of sets and maps as nft writes them in JSON (man libnftables-json), read. */
import type { NftElement } from './nft.ts';
import type { ListedPublication, Protocol } from './network-driver.ts';

/** As its own table holds it: the world is the table's. */
export type Publication = Omit<ListedPublication, 'worldId'>;

/** The comment of an element, or of its key in a map. */
export function elementText(element: NftElement): string | null {
  const wrapped = unwrap(Array.isArray(element) ? element[0] : element);
  return wrapped.comment;
}

/** The key of a simple element as text: a link's name, an address, a CIDR. Empty for others. */
export function elementKey(element: NftElement): readonly string[] {
  const { value } = unwrap(Array.isArray(element) ? element[0] : element);
  if (typeof value === 'string') return [value];
  if (isObject(value) && isObject(value['prefix'])) {
    const { addr, len } = value['prefix'];
    return [`${String(addr)}/${String(len)}`];
  }
  return [];
}

/** An element of `published` or `published_at`; null for what isn't one. */
export function toPublication(element: NftElement): Publication | null {
  if (!Array.isArray(element)) return null;
  const [key, data] = [unwrap(element[0]), unwrap(element[1])];
  const [from, to] = [concatenated(key.value), concatenated(data.value)];
  if (key.comment === null || from.length < 2 || to.length !== 2) return null;
  const [protocol, hostPort] = from.slice(-2);
  const [address, containerPort] = to;
  return {
    portId: key.comment,
    protocol: String(protocol) as Protocol,
    hostPort: Number(hostPort),
    hostAddress: from.length === 3 ? String(from[0]) : null,
    address: String(address),
    containerPort: Number(containerPort),
  };
}

function unwrap(element: unknown): { readonly value: unknown; readonly comment: string | null } {
  if (!isObject(element) || !isObject(element['elem'])) return { value: element, comment: null };
  const { val, comment } = element['elem'];
  return { value: val, comment: typeof comment === 'string' ? comment : null };
}

function concatenated(value: unknown): readonly unknown[] {
  return isObject(value) && Array.isArray(value['concat']) ? value['concat'] : [];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
