/** What users do at the real Cinder. */
import { randomUUID } from 'node:crypto';
import type { Test } from 'tap';
import { request } from 'undici';
import { until } from '../support/troupe.ts';
import type { Cloud } from './cloud.ts';

export interface WireVolume {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly size: number;
  readonly attachments: readonly { readonly server_id: string; readonly attachment_id: string }[];
}

/** A project's volumes, asked for in the name of one of its people. */
export interface ProjectVolumes {
  /** It is `available`. @param type the cloud's default where it is not said */
  make(name: string, type?: string): Promise<WireVolume>;
  all(): Promise<readonly WireVolume[]>;
  /** Waits until it is like this. */
  reach(id: string, status: string): Promise<WireVolume>;
  /** Also those that are not complete. */
  attachments(id: string): Promise<readonly { readonly id: string; readonly status: string }[]>;
  remove(id: string): Promise<void>;
}

/** A type of volumes that several may have at once, gone when the test ends, after its volumes. @returns its name */
export async function createSharedType(t: Test, url: string, { adminToken }: Cloud): Promise<string> {
  const call = (method: 'POST' | 'DELETE', path: string, body?: object) =>
    request(`${url}/v3/types${path}`, {
      method,
      headers: { 'x-auth-token': adminToken, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  const name = `shared-${randomUUID().slice(0, 8)}`;
  const made = await call('POST', '', {
    volume_type: { name, extra_specs: { multiattach: '<is> True' } },
  });
  const { volume_type: type } = (await made.body.json()) as { volume_type: { id: string } };
  t.teardown(() =>
    until(
      'the end of its type',
      async () => (await call('DELETE', `/${type.id}`)).statusCode,
      (status) => status === 202 || status === 404,
    ),
  );
  return name;
}

export function projectVolumes(
  t: Pick<Test, 'teardown'>,
  url: string,
  projectId: string,
  token: string,
): ProjectVolumes {
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
    async make(name, type) {
      const { volume } = await call<{ volume: WireVolume }>('POST', '/volumes', {
        volume: { name, size: 1, ...(type !== undefined && { volume_type: type }) },
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
