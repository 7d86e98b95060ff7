/** A capsule as Zun shows it, in both its forms, then what Zun keeps to itself. @see zun-api 2.15 */
import { addressesOf, publishedView, pythonTime } from './container-view.ts';
import type { CapsuleView } from '../../model/capsule.ts';
import type { ContainerView } from '../../model/container-view.ts';

export interface CapsuleViewOptions {
  readonly showsHost: boolean;
  readonly member: (view: ContainerView) => Record<string, unknown>;
  /** Scheme and host of the request. */
  readonly baseUrl: string;
  readonly minor: number;
}

/** Since when a capsule has the form that it has. */
const presentSince = 32;

export function capsuleView(
  view: CapsuleView,
  { showsHost, member, baseUrl, minor }: CapsuleViewOptions,
): Record<string, unknown> {
  const { id, spec, containers, initContainers } = view;
  const isLegacy = minor < presentSince;
  const policy = spec.restartPolicy;
  return {
    uuid: id,
    links: [
      { href: `${baseUrl}/v1/capsules/${id}`, rel: 'self' },
      { href: `${baseUrl}/capsules/${id}`, rel: 'bookmark' },
    ],
    ...(isLegacy ? { meta_name: spec.name } : { name: spec.name }),
    project_id: view.tenant,
    user_id: spec.userId,
    cpu: spec.cpu,
    memory: spec.memoryMib === null ? null : String(spec.memoryMib),
    status: view.status,
    status_reason: view.reason,
    ...(isLegacy ? { meta_labels: spec.labels } : { labels: spec.labels }),
    annotations: spec.annotations ?? {},
    addresses: addressesOf(view.ports),
    restart_policy: isLegacy
      ? (policy?.name ?? 'no')
      : { Name: policy?.name ?? 'no', MaximumRetryCount: String(policy?.maximumRetryCount ?? 0) },
    created_at: pythonTime(view.createdAt),
    updated_at: pythonTime(view.updatedAt),
    containers: containers.map(member),
    init_containers: initContainers.map(member),
    ...(showsHost ? { host: view.hostname } : {}),
    ...(isLegacy
      ? {
          volumes_info: {},
          containers_uuids: containers.map((each) => each.id),
          init_containers_uuids: initContainers.map((each) => each.id),
          capsule_version: '',
        }
      : {}),
    // What Zun keeps to itself.
    availability_zone: spec.availabilityZone,
    published: publishedView(view.published),
    lifecycle_state: view.statePaths,
  };
}
