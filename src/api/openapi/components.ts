/** What the API answers, by name. Fields that are not told here may come beside those that are. */
import { Type, type TSchema } from 'typebox';
import { actorKinds } from '../../model/address.ts';
import { objectOf, ref } from './words.ts';

const nullable = (schema: TSchema) => Type.Union([schema, Type.Null()]);
const string = Type.String();
const strings = Type.Array(string);
const maybe = nullable(string);
const uuid = Type.String({ format: 'uuid' });
const count = Type.Integer();
const amount = Type.Number();
const flag = Type.Boolean();
const links = Type.Optional(Type.Array(Type.Object({ href: string, rel: string })));
const address = Type.String({ description: 'An actor, e.g. container/PROJECT/UUID' });
const allowed = Type.Object({ type: string }, { additionalProperties: true });
const effects = Type.Array(Type.Object({ invokeId: string, src: string, description: string }));
const answer = Type.Enum(['accepted', 'queued', 'refused']);

const made = (description: string, properties: Readonly<Record<string, TSchema>>): TSchema =>
  Type.Object({ ...properties }, { description });

/** @see zun-api 1.4 */
const error = made('Every error, Zun’s way', {
  errors: Type.Array(
    Type.Object(
      {
        request_id: Type.String({ description: 'As x-openstack-request-id has it' }),
        code: Type.String({ description: '"container." and the kind of error, by which programs know it' }),
        status: Type.Integer({ description: 'The HTTP status' }),
        title: Type.String({ description: 'One sentence that says what to do' }),
        detail: Type.String({ description: 'The same' }),
        links: Type.Array(Type.Object({})),
      },
      { additionalProperties: true },
    ),
    { minItems: 1 },
  ),
});

/** @see zun-api 3.1 */
const container = made('A container', {
  uuid, links, name: string, project_id: string, user_id: string, image: string, cpu: nullable(amount), cpu_policy: string,
  memory: Type.Union([string, Type.Null()], { description: 'MiB, in digits' }), command: strings, status: string,
  status_reason: maybe, task_state: maybe, environment: objectOf('Variables'), workdir: maybe, auto_remove: flag,
  ports: Type.Array(count), hostname: maybe, labels: objectOf('Labels'),
  addresses: objectOf('By network: addr, version, port, subnet_id, preserve_on_delete'),
  image_pull_policy: Type.Optional(Type.Union([string, Type.Null()], { description: 'For admins' })),
  host: Type.Optional(Type.Union([string, Type.Null()], { description: 'For admins' })),
  restart_policy: nullable(Type.Object({ Name: string, MaximumRetryCount: string })),
  status_detail: maybe, interactive: flag, tty: flag, image_driver: string, security_groups: strings,
  runtime: Type.Optional(Type.Union([string, Type.Null()], { description: 'For admins' })), disk: count, auto_heal: flag,
  privileged: Type.Optional(Type.Boolean({ description: 'For admins' })), healthcheck: nullable(objectOf('The check')),
  registry_id: maybe, entrypoint: nullable(strings), created_at: string, updated_at: string,
  exit_code: nullable(count), oom_killed: flag, health: string, started_at: maybe, finished_at: maybe, restarts: count,
  lifecycle_state: Type.Array(string, { description: 'Where it is on its chart' }),
}); // prettier-ignore

/** @see zun-api 2.15 */
const capsule = made('Containers that share a sandbox; below 1.32 with meta_name and meta_labels, and the policy as a string', {
  uuid, links, name: Type.Optional(string), meta_name: Type.Optional(string), project_id: string, user_id: string,
  cpu: nullable(amount), memory: Type.Union([string, Type.Null()], { description: 'MiB, in digits' }), status: string,
  status_reason: maybe, labels: Type.Optional(objectOf('Labels')), meta_labels: Type.Optional(objectOf('Labels')),
  annotations: objectOf('Annotations'), addresses: objectOf('By network: addr, version, port, subnet_id, preserve_on_delete'),
  restart_policy: Type.Union([string, Type.Object({ Name: string, MaximumRetryCount: string })]), created_at: string, updated_at: string,
  containers: Type.Array(container), init_containers: Type.Array(container),
  host: Type.Optional(Type.Union([string, Type.Null()], { description: 'For admins' })), availability_zone: maybe,
  lifecycle_state: Type.Array(string, { description: 'Where it is on its chart' }),
}); // prettier-ignore

const stat = made('What a path in a container is', {
  name: string,
  size: Type.Integer({ description: 'Bytes' }),
  mode: Type.Integer({ description: 'Go’s os.FileMode' }),
  mtime: string,
  linkTarget: Type.String({ description: 'Empty unless it is a symbolic link' }),
});

const action = made('What somebody asked of a container', {
  action: string, container_uuid: uuid, finish_time: maybe, message: maybe, project_id: string, request_id: string,
  start_time: string, user_id: string,
}); // prettier-ignore

const amounts = Type.Object({ containers: count, cpu: amount, memory: count, disk: count });
const step = { by: nullable(count), address, event: allowed, from: strings, to: strings };

export const components: Readonly<Record<string, TSchema>> = {
  Error: error,
  Container: container,
  Capsule: capsule,
  Quota: made('Limits; -1 = none. Memory in MiB, disk in GiB', {
    containers: amount,
    memory: amount,
    disk: amount,
    cpu: amount,
  }),
  Archive: made('Files of a container', {
    data: Type.String({ description: 'A tar, in Base64; as text before 1.25' }),
    stat,
  }),
  Action: action,
  ActionWithEvents: Type.Intersect([
    action,
    Type.Object({ events: Type.Array(Type.Object({ event: string, result: maybe, traceback: maybe })) }),
  ]),
  Execution: made('A command that has ended, or a session with one', {
    output: maybe,
    exit_code: nullable(count),
    exec_id: maybe,
    proxy_url: Type.Union([string, Type.Null()], {
      description: 'Where its WebSocket is, for one client, within 30 s',
    }),
  }),
  ExecutionState: made('A session', {
    exec_id: string,
    connected: flag,
    running: flag,
    exit_code: nullable(count),
  }),
  Processes: made('As ps(1) has them', { Titles: strings, Processes: Type.Array(strings) }),
  Stats: made('What a container uses', {
    CONTAINER: string, 'CPU %': amount, 'MEM USAGE(MiB)': amount, 'MEM LIMIT(MiB)': amount, 'MEM %': amount,
    'BLOCK I/O(B)': string, 'NET I/O(B)': string, sampled_at: string, cpu_seconds: amount,
  }), // prettier-ignore
  Host: made('A container host', {
    uuid, links, hostname: string, mem_total: count, mem_used: count, total_containers: count, cpus: amount, cpu_used: amount,
    architecture: maybe, os_type: string, os: maybe, kernel_version: maybe, labels: objectOf('Labels'), disk_total: count,
    disk_used: count, disk_quota_supported: flag, runtimes: strings, enable_cpu_pinning: flag, state: string, admission: string,
    reason: maybe, engine_up: flag,
  }), // prettier-ignore
  Service: made('The agent of a host, as Zun calls it', {
    id: count, host: string, binary: string, state: Type.Enum(['up', 'down']), disabled: flag, disabled_reason: maybe,
    forced_down: flag, report_count: count, last_seen_up: string, availability_zone: maybe, created_at: string, updated_at: string,
  }), // prettier-ignore
  Image: made('An image of a host', {
    uuid, links, image_id: maybe, project_id: maybe, repo: string, tag: string,
    size: Type.Union([string, Type.Null()], { description: 'Bytes, in digits' }),
    host: Type.Optional(Type.Union([string, Type.Null()], { description: 'For admins' })), status: string, status_reason: maybe,
  }), // prettier-ignore
  ImageHit: made('What a registry has under such a name', {
    name: string,
    description: maybe,
    metadata: Type.Object({ is_official: flag, star_count: count }),
  }),
  Registry: made('A registry that a project logs in at', {
    uuid, links, name: maybe, project_id: string, user_id: string, domain: string, username: maybe,
    password: Type.Union([string, Type.Null()], { description: '*** where there is one' }),
  }), // prettier-ignore
  Network: made('A network: of one host, or of Neutron', {
    uuid, name: string, project_id: string, user_id: Type.Optional(Type.String({ description: 'Who took it over' })), network_id: string, neutron_net_id: maybe, status: string, status_reason: maybe,
    subnet: maybe, gateway: maybe, mtu: nullable(count), default: flag, ports: nullable(count), created_at: string,
  }), // prettier-ignore
  Volume: made('A volume of one host', {
    uuid, name: maybe, project_id: string, status: string, status_reason: maybe, size: nullable(count), ephemeral: flag,
    attached: strings, created_at: string,
  }), // prettier-ignore
  Tenant: made('A project: what it may have, and has', {
    id: string, limits: amounts, used: amounts, reserved: count, neighbours: string,
  }), // prettier-ignore
  Lifecycle: made('Where an actor is, what it waits for, and what would move it', {
    address, kind: Type.Enum([...actorKinds]), chartVersion: count, revision: count, statePaths: strings, status: string,
    taskState: maybe, reason: maybe, since: Type.Number({ description: 'Epoch ms' }),
    waitingFor: Type.Array(Type.Object({ invokeId: string, deadlineAt: nullable(amount), description: string })),
    nextRestart: nullable(objectOf('at, attempt, attemptsMost, reason')), lastError: nullable(objectOf('code, message, retryable')),
    allowedEvents: Type.Array(Type.Object({ type: string, answer, reason: maybe, to: strings, starts: effects, roles: strings })),
    services: Type.Array(Type.Object({ type: string, answer, reason: maybe, roles: strings })),
    related: Type.Array(Type.Object({ address, name: maybe, status: string, reason: maybe })), quarantined: nullable(objectOf('reason, event')),
  }), // prettier-ignore
  History: made('Turns of an actor, oldest first', {
    history: Type.Array(Type.Object({ revision: count, at: amount }, { additionalProperties: true })),
  }),
  CommandAnswer: made('What a chart said', { answer, reason: maybe, revision: count }),
  WhatIf: made('What would follow; nothing was sent', {
    steps: Type.Array(Type.Object({ ...step, kind: string, answer, reason: maybe, starts: effects })),
    actors: Type.Array(Type.Object({ address, name: maybe, from: strings, to: strings, status: string })),
    isCut: Type.Boolean({ description: 'More would follow than is tried out' }),
  }),
  Incident: made('What led to what', {
    requestId: maybe,
    steps: Type.Array(Type.Object({ ...step, revision: count, at: amount, name: maybe, isAsked: flag })),
    isCut: flag,
  }),
  Statechart: made('A chart as it is run', { kind: string, version: count, definition: objectOf('States') }),
  Identity: made('Whom the token speaks for', {
    user_id: string, user_name: string, project_id: string, project_name: string, roles: strings, admin: flag,
  }), // prettier-ignore
  Version: made('A version of the API', {
    id: string, status: string, max_version: string, min_version: string, links,
  }), // prettier-ignore
};

export const errorAnswer = ref('Error');
