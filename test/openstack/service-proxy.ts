/** One service of the real cloud behind a proxy that fails as it is told to, in a region of the test's own. */
import { randomUUID } from 'node:crypto';
import type { Test } from 'tap';
import type { Cloud, ServiceType } from './cloud.ts';
import { createFaultProxy, type FaultProxy } from './fault-proxy.ts';

export interface ServiceProxy {
  readonly proxy: FaultProxy;
  /** Where the service is behind the proxy, and all others are as they are. */
  readonly region: string;
  /** Where the service is without: its origin. */
  readonly url: string;
}

export async function createServiceProxy(t: Test, cloud: Cloud, type: ServiceType): Promise<ServiceProxy> {
  const url = await cloud.originOf(type);
  const proxy = await createFaultProxy(t, url);
  const region = `region-${randomUUID().slice(0, 8)}`;
  await cloud.admin('POST', '/regions', { region: { id: region } });
  t.teardown(() => cloud.forget(region, 'nobody'));
  await cloud.copyServices(region, { [type]: proxy.url });
  return { proxy, region, url };
}
