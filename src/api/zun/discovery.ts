/** Version documents, open to everyone. @see zun-api 1.1 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { maximumVersion, minimumVersion } from './microversion.ts';

const resources = [
  'containers', 'services', 'images', 'networks', 'hosts', 'capsules', 'availability_zones', 'quotas', 'quota_classes', 'registries',
] as const; // prettier-ignore

/** As the client wrote it; where HTTP/1.0 named no host, the address it came to. */
export function baseUrlOf({ protocol, host, socket }: FastifyRequest): string {
  return `${protocol}://${host === '' ? `${socket.localAddress}:${socket.localPort}` : host}`;
}

export async function discovery(app: FastifyInstance): Promise<void> {
  app.get('/', { config: { public: true } }, (request) => {
    const version = {
      id: 'v1',
      status: 'CURRENT',
      max_version: `1.${maximumVersion}`,
      min_version: `1.${minimumVersion}`,
      links: [{ href: `${baseUrlOf(request)}/v1/`, rel: 'self' }],
    };
    return {
      name: 'OpenStack Zun API',
      description: 'Zun is an OpenStack project which aims to provide containers service.',
      versions: [version],
      default_version: version,
    };
  });
  app.get('/v1', { config: { public: true } }, (request) => {
    const base = baseUrlOf(request);
    const links = resources.map((name) => [
      name,
      [
        { href: `${base}/v1/${name}/`, rel: 'self' },
        { href: `${base}/${name}/`, rel: 'bookmark' },
      ],
    ]);
    return {
      id: 'v1',
      media_types: [{ base: 'application/json', type: 'application/vnd.openstack.zun.v1+json' }],
      links: [
        { href: `${base}/v1/`, rel: 'self' },
        {
          href: 'https://docs.openstack.org/developer/zun/dev/api-spec-v1.html',
          rel: 'describedby',
          type: 'text/html',
        },
      ],
      ...Object.fromEntries(links),
    };
  });
}
