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

export async function createServiceProxy(
  t: Test,
  cloud: Cloud,
  type: 'network' | 'block-storage',
): Promise<ServiceProxy> {
  const { endpoints } = await cloud.admin<{ endpoints: { url: string; service_id: string }[] }>(
    'GET',
    '/endpoints?region_id=RegionOne&interface=public',
  );
  const { services } = await cloud.admin<{ services: { id: string }[] }>('GET', `/services?type=${type}`);
  const { id } = services[0]!;
  const url = /^https?:\/\/[^/]+/.exec(endpoints.find(({ service_id: of }) => of === id)!.url)![0];
  const proxy = await createFaultProxy(t, url);
  const region = `region-${randomUUID().slice(0, 8)}`;
  await cloud.admin('POST', '/regions', { region: { id: region } });
  t.teardown(() => cloud.forget(region, 'nobody'));
  for (const { service_id, url: real } of endpoints)
    await cloud.admin('POST', '/endpoints', {
      endpoint: {
        service_id,
        interface: 'public',
        url: service_id === id ? real.replace(url, proxy.url) : real,
        region_id: region,
      },
    });
  return { proxy, region, url };
}
