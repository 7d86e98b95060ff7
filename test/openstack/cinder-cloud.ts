/** What users do at the real Cinder. */
import type { Test } from 'tap';
import { request } from 'undici';
import { until } from '../support/troupe.ts';
import type { Cloud } from './cloud.ts';

/** Where Cinder itself is, without a version. */
export async function cinderUrl(cloud: Cloud): Promise<string> {
  const { services } = await cloud.admin<{ services: { id: string }[] }>(
    'GET',
    '/services?type=block-storage',
  );
  const { endpoints } = await cloud.admin<{ endpoints: { url: string }[] }>(
    'GET',
    `/endpoints?region_id=RegionOne&service_id=${services[0]!.id}`,
  );
  return new URL(endpoints[0]!.url.replaceAll(/[%$]\(\w+\)s/g, '')).origin;
}

export interface WireVolume {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly size: number;
  readonly attachments: readonly { readonly server_id: string; readonly attachment_id: string }[];
}

/** A project's volumes, asked for in the name of one of its people. */
export interface ProjectVolumes {
  /** It is `available`. */
  make(name: string): Promise<WireVolume>;
  all(): Promise<readonly WireVolume[]>;
  /** Waits until it is like this. */
  reach(id: string, status: string): Promise<WireVolume>;
  /** Also those that are not complete. */
  attachments(id: string): Promise<readonly { readonly id: string; readonly status: string }[]>;
  remove(id: string): Promise<void>;
}

export function projectVolumes(t: Test, url: string, projectId: string, token: string): ProjectVolumes {
  const call = async <T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<T> => {
    const answer = await request(`${url}/v3/${projectId}${path}`, {
      method,
      headers: {
        'x-auth-token': token,
        'openstack-api-version': 'volume 3.54',
        'content-type': 'application/json',
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.body.text();
    return (text === '' ? {} : JSON.parse(text)) as T;
  };
  const volumes: ProjectVolumes = {
    async make(name) {
      const { volume } = await call<{ volume: WireVolume }>('POST', '/volumes', {
        volume: { name, size: 1 },
      });
      t.teardown(() => volumes.remove(volume.id));
      return volumes.reach(volume.id, 'available');
    },
    all: async () => (await call<{ volumes: WireVolume[] }>('GET', '/volumes/detail')).volumes,
    reach: (id, status) =>
      until(
        `the volume ${status}`,
        async () => (await call<{ volume: WireVolume }>('GET', `/volumes/${id}`)).volume,
        (volume) => volume.status === status,
      ),
    attachments: async (id) =>
      (await call<{ attachments: { id: string; status: string }[] }>('GET', `/attachments?volume_id=${id}`))
        .attachments,
    remove: async (id) => void (await call('DELETE', `/volumes/${id}`)),
  };
  return volumes;
}
