/** Request paths as Zun's clients write them. @see zun-api 1.5 */

/** First segments that lead to `/v1` without saying so. */
const versionless = new Set([
  'containers',
  'capsules',
  'hosts',
  'services',
  'availability_zones',
  'quotas',
  'quota_classes',
  'tenants',
  'statecharts',
  'what-if',
  'incidents',
  'audit',
  'tickets',
  'sessions',
  'identity',
  'login',
  'join_tokens',
  'quarantine',
]);

/** Double and trailing slashes are one path; a path without version is of v1. */
export function canonicalPath(url: string): string {
  const [path = '/', query] = url.split(/\?(.*)/s);
  const segments = path.split('/').filter((segment) => segment !== '');
  if (versionless.has(segments[0] ?? '')) segments.unshift('v1');
  return `/${segments.join('/')}${query ? `?${query}` : ''}`;
}
