/** `OpenStack-API-Version: container X.Y`: what a request asks for, and what is enforced below it. */
import { TroupeError } from '../../errors/errors.ts';

export const minimumVersion = 1;
export const maximumVersion = 40;

const service = 'container';

/**
 * The minor version that a request asks for; 1 when it asks for none.
 * @throws TroupeError NOT_ACCEPTABLE for another service or a version that we don't speak
 */
export function requestedMinor(header: string | undefined): number {
  if (header === undefined || header.trim() === '') return minimumVersion;
  const [name, version, ...rest] = header.trim().split(/\s+/);
  const [major, minor, ...parts] = (version ?? '').split('.');
  if (name?.toLowerCase() !== service || rest.length > 0)
    throw notAcceptable('Invalid service for version header');
  if (version?.toLowerCase() === 'latest') return maximumVersion;
  if (!/^\d+$/.test(major ?? '') || !/^\d+$/.test(minor ?? '') || parts.length > 0)
    throw notAcceptable('Invalid value for version header');
  if (Number(major) !== 1 || Number(minor) < minimumVersion || Number(minor) > maximumVersion) {
    throw notAcceptable(
      `Version ${version} was requested but is not supported; the range is 1.${minimumVersion} to 1.${maximumVersion}`,
    );
  }
  return Number(minor);
}

/** On every answer under `/v1`, also when the version that was asked for is not spoken. */
export const rangeHeaders: Readonly<Record<string, string>> = {
  'openstack-api-minimum-version': `${service} 1.${minimumVersion}`,
  'openstack-api-maximum-version': `${service} 1.${maximumVersion}`,
  vary: 'OpenStack-API-Version',
};

/** The version that was used. */
export const usedHeader = (minor: number): Readonly<Record<string, string>> => ({
  'openstack-api-version': `${service} 1.${minor}`,
});

/** @throws TroupeError PARAMETER_TOO_NEW */
export function requireVersion(parameter: string, asked: number, since: number): void {
  if (asked >= since) return;
  throw new TroupeError(
    'PARAMETER_TOO_NEW',
    `Invalid param ${parameter} because current request version is 1.${asked}. ${parameter} is only supported from version 1.${since}`,
  );
}

/** Of a route that a microversion has brought. @throws TroupeError NOT_ACCEPTABLE */
export function requireRoute(asked: number, since: number): void {
  if (asked < since) throw new TroupeError('NOT_ACCEPTABLE', '');
}

const notAcceptable = (message: string): TroupeError =>
  new TroupeError('NOT_ACCEPTABLE', message, {
    details: {
      max_version: `1.${maximumVersion}`,
      min_version: `1.${minimumVersion}`,
      links: [{ rel: 'help', href: 'https://docs.openstack.org/api-guide/compute/microversions.html' }],
    },
  });
