/** A container as Zun shows it: its keys in its order, then what Zun keeps to itself. */
import type { ContainerView } from '../../model/container-view.ts';
import { placesOf } from '../../model/network.ts';
import { healthCheckView } from './health-check.ts';

/** Fields that not everybody sees. */
export const guardedFields = ['host', 'image_pull_policy', 'privileged', 'runtime'] as const;

export interface ViewOptions {
  /** Whether a field that not everybody sees is shown. */
  readonly shows: (field: (typeof guardedFields)[number]) => boolean;
  /** Scheme and host of the request; null in lists, which carry no links. */
  readonly baseUrl: string | null;
}

/** `YYYY-MM-DD HH:MM:SS.ffffff`, as Python prints a datetime. */
export const pythonTime = (epochMs: number): string =>
  new Date(epochMs).toISOString().replace('T', ' ').replace('Z', '000');

const isoTime = (epochMs: number | null): string | null =>
  epochMs === null ? null : new Date(epochMs).toISOString();

const units = [
  ['days', 86_400],
  ['hours', 3_600],
  ['mins', 60],
  ['seconds', 1],
] as const;

function ago(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [unit, size] = units.find(([, each]) => seconds >= each) ?? ['seconds', 1];
  return `${Math.floor(seconds / size)} ${unit}`;
}

/** Human text such as `Up 3 mins` or `Exited(0) 10 mins ago `, with Zun's trailing blank. */
export function statusDetail({ status, observation }: ContainerView, now: number): string | null {
  if (!observation) return null;
  const { state, startedAt, finishedAt, exitCode } = observation;
  if (state === 'created') return 'Created';
  if (status === 'Restarting') return 'Restarting';
  if (state === 'running' && startedAt !== null) return `Up ${ago(now - startedAt)}`;
  if (state === 'paused' && startedAt !== null) return `Up ${ago(now - startedAt)} (paused)`;
  if (state === 'dead') return 'Dead';
  return finishedAt === null
    ? null
    : `Exited(${exitCode ?? 0}) ${ago(now - finishedAt)} ago ${exitCode ? '(error)' : ''}`;
}

export function containerView(
  view: ContainerView,
  options: ViewOptions,
  now: number,
): Record<string, unknown> {
  const [before, after] = lastingFields(view, options);
  return { ...before, status_detail: statusDetail(view, now), ...after };
}

/** What stays as it is while the container does: what comes before `status_detail`, which tells time, and what after it. */
export function lastingFields(
  view: ContainerView,
  { shows, baseUrl }: ViewOptions,
): readonly [before: Record<string, unknown>, after: Record<string, unknown>] {
  const { spec, observation } = view;
  const restartPolicy = spec.restartPolicy && {
    Name: spec.restartPolicy.name,
    MaximumRetryCount: String(spec.restartPolicy.maximumRetryCount),
  };
  const before = {
    uuid: view.id,
    ...(baseUrl === null
      ? {}
      : {
          links: [
            { href: `${baseUrl}/v1/containers/${view.id}`, rel: 'self' },
            { href: `${baseUrl}/containers/${view.id}`, rel: 'bookmark' },
          ],
        }),
    name: spec.name,
    project_id: view.tenant,
    user_id: spec.userId,
    image: spec.image,
    cpu: spec.cpu,
    cpu_policy: 'shared',
    memory: spec.memoryMib === null ? null : String(spec.memoryMib),
    command: spec.command ?? observation?.command ?? [],
    status: view.status,
    status_reason: view.reason,
    task_state: view.taskState,
    environment: spec.environment,
    workdir: spec.workdir,
    auto_remove: spec.autoRemove,
    ports: observation?.ports ?? [],
    hostname: spec.hostname ?? observation?.hostname ?? null,
    labels: spec.labels,
    addresses: addresses(view),
    ...(shows('image_pull_policy') ? { image_pull_policy: spec.imagePullPolicy } : {}),
    ...(shows('host') ? { host: view.hostname } : {}),
    restart_policy: restartPolicy,
  };
  const after = {
    interactive: spec.interactive,
    tty: spec.tty,
    image_driver: spec.imageDriver,
    security_groups: [...new Set(view.ports.flatMap(({ neutron }) => neutron?.securityGroups ?? []))],
    ...(shows('runtime') ? { runtime: spec.runtime } : {}),
    disk: spec.diskGib,
    auto_heal: spec.autoHeal,
    ...(shows('privileged') ? { privileged: false } : {}),
    healthcheck: healthCheckView(spec.healthcheck),
    registry_id: spec.registryId,
    entrypoint: spec.entrypoint ?? observation?.entrypoint ?? null,
    created_at: pythonTime(view.createdAt),
    updated_at: pythonTime(view.updatedAt),
    // What Zun keeps to itself.
    hints: spec.hints,
    availability_zone: spec.availabilityZone,
    exit_code: observation?.exitCode ?? null,
    oom_killed: observation?.oomKilled ?? false,
    health: observation?.health ?? 'none',
    started_at: isoTime(observation?.startedAt ?? null),
    finished_at: isoTime(observation?.finishedAt ?? null),
    restarts: view.restarts,
    published: publishedView(view.published),
    ...(view.capsuleId === null ? {} : { capsule_uuid: view.capsuleId }),
    lifecycle_state: view.statePaths,
  };
  return [before, after];
}

export const publishedView = (published: ContainerView['published']): readonly object[] =>
  published.map(({ protocol, containerPort, hostPort }) => ({
    protocol,
    container_port: containerPort,
    host_port: hostPort,
  }));

/** By network, as Zun groups them. */
export const addressesOf = (ports: ContainerView['ports']): Record<string, unknown> =>
  Object.fromEntries(
    ports.map((port) => [
      port.network.networkId,
      placesOf(port).map(({ address, version, subnetId }) => ({
        addr: address,
        version,
        port: port.portId,
        subnet_id: subnetId,
        preserve_on_delete: port.neutron?.isUsers ?? false,
      })),
    ]),
  );

/** The same where Troupe makes no networks; the engine's own bridge has no id and goes by its name. */
function addresses({ observation, ports }: ContainerView): Record<string, unknown> {
  if (ports.length > 0) return addressesOf(ports);
  const found = observation?.state === 'running' ? observation.addresses : [];
  if (found.length === 0) return {};
  return {
    bridge: found.map((addr) => ({
      addr,
      version: addr.includes(':') ? 6 : 4,
      port: null,
      subnet_id: null,
      preserve_on_delete: false,
    })),
  };
}
