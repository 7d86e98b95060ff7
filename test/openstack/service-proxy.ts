/** One service of the real cloud behind a proxy that fails as it is told to, in a region of the test's own. */
import { randomUUID } from 'node:crypto';
import type { Test } from 'tap';
import type { Cloud } from './cloud.ts';
import { createFaultProxy, type FaultProxy } from './fault-proxy.ts';

export interface ServiceProxy {
  readonly proxy: FaultProxy;
  /** Where the service is behind the proxy, and all others are as they are. */
  readonly region: string;
  /** Where the service is without: its origin. */
  readonly url: string;
}

interface WireEndpoint {
  readonly url: string;
  readonly service_id: string;
}

/** Of RegionOne: those of every service, and which is of this type's. */
async function endpointsOf({ admin }: Cloud, type: string) {
  const [{ endpoints }, { services }] = await Promise.all([
    admin<{ endpoints: readonly WireEndpoint[] }>('GET', '/endpoints?region_id=RegionOne&interface=public'),
    admin<{ services: readonly { id: string }[] }>('GET', `/services?type=${type}`),
  ]);
  const serviceId = services[0]!.id;
  const { url } = endpoints.find(({ service_id }) => service_id === serviceId)!;
  return { endpoints, serviceId, origin: /^https?:\/\/[^/]+/.exec(url)![0] };
}

/** Where a service of the cloud itself is, without a path. */
export const originOf = async (cloud: Cloud, type: string): Promise<string> =>
  (await endpointsOf(cloud, type)).origin;

export async function createServiceProxy(
  t: Test,
  cloud: Cloud,
  type: 'network' | 'block-storage',
): Promise<ServiceProxy> {
  const { endpoints, serviceId, origin: url } = await endpointsOf(cloud, type);
  const proxy = await createFaultProxy(t, url);
  const region = `region-${randomUUID().slice(0, 8)}`;
  await cloud.admin('POST', '/regions', { region: { id: region } });
  t.teardown(() => cloud.forget(region, 'nobody'));
  for (const { service_id, url: real } of endpoints)
    await cloud.admin('POST', '/endpoints', {
      endpoint: {
        service_id,
        interface: 'public',
        url: service_id === serviceId ? real.replace(url, proxy.url) : real,
        region_id: region,
      },
    });
  return { proxy, region, url };
}
