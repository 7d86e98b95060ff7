/** Where a service of the cloud is, by the catalog that comes with a token. */
import { TroupeError } from '../errors/errors.ts';
import type { CloudAccess } from './access.ts';
import type { CatalogService } from './tokens.ts';

export type EndpointChoice = Pick<CloudAccess, 'region' | 'interface'>;

/**
 * The URL of a service, without a slash at its end.
 * @throws TroupeError CLOUD_REFUSED naming what the catalog has instead
 */
export function endpointOf(
  catalog: readonly CatalogService[],
  type: string,
  { region, interface: wanted }: EndpointChoice,
): string {
  const endpoints = catalog.filter((service) => service.type === type).flatMap((each) => each.endpoints);
  const regionOf = (each: (typeof endpoints)[number]): string | null => each.region_id ?? each.region ?? null;
  const found = endpoints.find(
    (each) => each.interface === wanted && (region === null || regionOf(each) === region),
  );
  if (found) return found.url.replace(/\/+$/, '');
  const known = endpoints.map((each) => `${each.interface} in ${regionOf(each) ?? 'no region'}`);
  throw new TroupeError(
    'CLOUD_REFUSED',
    `The catalog has no ${wanted} endpoint of a service of type "${type}"${region === null ? '' : ` in region "${region}"`}; ` +
      (known.length > 0 ? `it has: ${known.join(', ')}` : 'it has no such service'),
  );
}
