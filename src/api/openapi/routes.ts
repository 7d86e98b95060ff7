/**
 * Every route of the API: what it is for, what it takes, what it answers. By these
 * requests are checked, and of these the OpenAPI document is made; `{kind}` stands for each kind of actor.
 */
import { Type, type TSchema } from 'typebox';
import { actorKinds, pluralOf } from '../../model/address.ts';
import { neighboursModes } from '../../model/placement.ts';
import { loginFields } from '../extensions/login.ts';
import { volumeBounds } from '../zun/attachments.ts';
import * as rules from '../zun/create-body.ts';
import {
  allProjects, anything, choice, flag, grace, integer, listOf, name, nothing, number, objectOf, optional, page, paging, ref, text,
} from './words.ts'; // prettier-ignore

export interface RouteSchema {
  /** Of Zun's API, of what Troupe adds to it, or of the site's operators. */
  readonly tag: 'Zun' | 'Troupe' | 'Site';
  readonly summary: string;
  /** Microversions that have it, where not all do. */
  readonly since?: number;
  readonly until?: number;
  readonly query?: TSchema;
  readonly body?: TSchema;
  /** Content types that it takes, and answers; JSON where nothing is said. */
  readonly takes?: readonly string[];
  readonly gives?: readonly string[];
  readonly headers?: Readonly<Record<string, TSchema>>;
  /** By status. Errors are told once, for all. */
  readonly answers: Readonly<Record<number, TSchema>>;
}

/** A terminal has as many rows, or columns, as the kernel keeps. */
const side = (description: string) => integer(description, 1, 65_535);
const required = (properties: Readonly<Record<string, TSchema>>, keys: readonly string[]): TSchema =>
  Type.Object(
    Object.fromEntries(
      Object.entries(properties).map(([key, each]) => [key, keys.includes(key) ? each : Type.Optional(each)]),
    ),
  );
const idempotency = (made: string) => ({
  'idempotency-key': text(`The same key and body give the same ${made}`),
});
const plain = Type.String();
const done = { 202: nothing() };
const words = { least: 1, most: 255 };

/** @see zun-api 2.2 */
const createBody = required(
  {
    image: text('repo[:tag], registry/repo[:tag] or repo@digest', rules.nameLength, rules.imagePattern),
    name: name('Made up when it is left out'),
    command: anything('A list of words; below 1.20 one line, which is split as a shell does. The image’s when left out'),
    entrypoint: anything('A list of words, from 1.40. The image’s when left out'),
    cpu: number('CPUs', rules.cpuBounds),
    cpu_policy: choice('How CPUs are given', ['shared', 'dedicated']),
    memory: integer('MiB', rules.memoryBounds.least, rules.memoryBounds.most),
    disk: integer('GiB', rules.diskBounds.least, rules.diskBounds.most),
    workdir: text('An absolute path'),
    environment: objectOf('Variables, each a string', { 'x-secret': true }),
    labels: objectOf('Labels'),
    hints: objectOf('For the scheduler'),
    restart_policy: objectOf(`Name (${rules.restartPolicies.join(', ')}) and MaximumRetryCount`),
    auto_remove: flag('It is deleted when it has ended; from 1.3'),
    interactive: flag('Its stdin stays open, so that it can be attached to'),
    tty: flag('It has a terminal'),
    image_driver: anything('docker'),
    image_pull_policy: anything('never, always or ifnotpresent; for admins'),
    security_groups: listOf(plain, 'Security groups'),
    exposed_ports: objectOf('{"80/tcp": {}}; from 1.24'),
    nets: Type.Array(Type.Unknown(), { description: 'Networks: {"network": NAME or id, "v4-fixed-ip": ADDRESS, "v6-fixed-ip": ADDRESS}, or {"port": NAME or id} of Neutron' }),
    mounts: Type.Array(Type.Unknown(), { description: 'Volumes: {"source" or "size", "destination"}; files: {"type": "bind", "source": Base64}; from 1.11' }),
    runtime: text('Of the host; from 1.5; for admins', rules.wordLength),
    hostname: text('From 1.9', rules.wordLength, rules.hostnamePattern),
    availability_zone: text('Where it is to be', rules.wordLength),
    auto_heal: flag('A replacement elsewhere when its host is lost'),
    privileged: flag('From 1.21; nobody may'),
    healthcheck: objectOf('cmd, interval, retries, timeout; beyond Zun type, port, path …; from 1.22'),
    registry: text('From 1.31', rules.nameLength),
    host: text('A host by name; from 1.39; for admins', rules.wordLength),
  },
  ['image'],
); // prettier-ignore

const limits = {
  cpu: number('CPUs', rules.cpuBounds),
  memory: integer('MiB', rules.memoryBounds.least, rules.memoryBounds.most),
};

/** Of what a client names by both the query and the body: what is in the body is told there, too. */
const either = (properties: Readonly<Record<string, TSchema>>) => ({
  query: optional(properties),
  body: optional(properties),
});

const container = '/v1/containers/:id';
const command = { command: text('A line that is split as a shell does'), run: flag('Wait for its end, which is the default; else a session'), interactive: flag('A session that it reads from'), tty: flag('With a terminal; by default as interactive') }; // prettier-ignore
const network = { network: text('By name or id', words), port: text('Of Neutron', words), fixed_ip: text('An IPv4 address', words) }; // prettier-ignore
const filters = Object.fromEntries(
  ['name', 'image', 'project_id', 'user_id', 'memory', 'host', 'task_state', 'status', 'auto_remove'].map(
    (key) => [key, anything('Those that have exactly this')],
  ),
);
const path = text('Of a file or folder in the container', { least: 1, most: 4_096 });
const limit = anything('An integer from 0, or -1 for no limit');
/** Checked in full by their own reader, whose words name the bounds. */
const quota = optional({ containers: limit, memory: limit, disk: limit, cpu: limit });
const service = { host: text('By name', words), binary: text('zun-compute', words) };

/** @see zun-api 2.8 */
const pullBody = required(
  {
    repo: text('repo[:tag], registry/repo[:tag] or repo@digest', rules.nameLength, rules.imagePattern),
    host: text('Which pulls it', words),
    image_pull_policy: anything('never, always or ifnotpresent; always by default'),
    registry: text('To log in at', rules.nameLength),
    tag: anything('Of no effect; it is part of repo'),
    image_id: anything('Of no effect'),
    size: anything('Of no effect'),
  },
  ['repo', 'host'],
);
const imageSearch = optional({ image_driver: text('docker'), exact_match: flag('Of exactly this name') });

/** @see zun-api 2.13 */
const registryBody = required(
  { registry: objectOf('domain (a host, with a port or without), name, username and password', { 'x-secret': true }) },
  ['registry'],
); // prettier-ignore
const registryFilters = Object.fromEntries(
  ['name', 'domain', 'username', 'project_id', 'user_id'].map((key) => [
    key,
    anything('Those that have exactly this'),
  ]),
);
const oneRegistry = Type.Object({ registry: ref('Registry') });

const zun: Readonly<Record<string, RouteSchema>> = {
  'GET /': { tag: 'Zun', summary: 'Versions of the API', answers: { 200: Type.Object({ name: plain, description: plain, versions: listOf(ref('Version'), 'One'), default_version: ref('Version') }) } },
  'GET /v1': { tag: 'Zun', summary: 'What there is', answers: { 200: Type.Object({ id: plain }) } },
  'GET /healthcheck': { tag: 'Zun', summary: 'Whether the process answers, and is to be asked', gives: ['text/plain'], answers: { 200: plain, 503: plain } },
  'POST /v1/containers': { tag: 'Zun', summary: 'Create a container, and start it with run=true', query: optional({ run: flag('Start it') }), body: createBody, headers: idempotency('container'), answers: { 202: ref('Container') } },
  'GET /v1/containers': { tag: 'Zun', summary: 'List containers', query: optional({ ...filters, ...paging, all_projects: allProjects }), answers: { 200: page('containers', 'Container') } },
  [`GET ${container}`]: { tag: 'Zun', summary: 'Show a container, by UUID or name', query: optional({ all_projects: allProjects }), answers: { 200: ref('Container') } },
  [`PATCH ${container}`]: { tag: 'Zun', summary: 'Rename a container, or change what it may use', body: optional({ ...limits, name: name('The new name'), auto_heal: flag('A replacement elsewhere when its host is lost') }), answers: { 200: ref('Container') } },
  [`DELETE ${container}`]: { tag: 'Zun', summary: 'Delete a container', query: optional({ force: flag('Whatever its state; from 1.7; for admins'), stop: flag('Stop it first; from 1.12'), all_projects: allProjects, timeout: grace }), answers: { 204: Type.Null({ description: 'Nothing' }) } },
  [`POST ${container}/start`]: { tag: 'Zun', summary: 'Start it', answers: done },
  [`POST ${container}/stop`]: { tag: 'Zun', summary: 'Stop it', ...either({ timeout: grace }), answers: done },
  [`POST ${container}/reboot`]: { tag: 'Zun', summary: 'Stop it and start it again', ...either({ timeout: grace }), answers: done },
  [`POST ${container}/pause`]: { tag: 'Zun', summary: 'Freeze its processes', answers: done },
  [`POST ${container}/unpause`]: { tag: 'Zun', summary: 'Let them go on', answers: done },
  [`POST ${container}/kill`]: { tag: 'Zun', summary: 'Send a signal to its main process', ...either({ signal: anything('A name or number; KILL by default') }), answers: done },
  [`POST ${container}/rebuild`]: { tag: 'Zun', summary: 'Make it anew, of the same or another image', ...either({ image: anything('Of the new one; by default its own'), image_driver: anything('docker') }), answers: done },
  [`POST ${container}/resize_container`]: { tag: 'Zun', summary: 'Change what it may use', since: 19, ...either(limits), answers: { 202: ref('Container') } },
  [`POST ${container}/rename`]: { tag: 'Zun', summary: 'Give it another name', until: 13, ...either({ name: name('The new name') }), answers: { 200: ref('Container') } },
  [`GET ${container}/logs`]: { tag: 'Zun', summary: 'What it wrote', query: optional({ stdout: flag('With stdout, the default'), stderr: flag('With stderr, the default'), timestamps: flag('Each line with its time'), tail: anything('Lines from the end, or all'), since: anything('Epoch seconds, or YYYY-MM-DD HH:MM:SS,fff'), follow: flag('As text/plain, until it ends; beyond Zun') }), gives: ['application/json', 'text/plain'], answers: { 200: plain } },
  [`POST ${container}/execute`]: { tag: 'Zun', summary: 'Run a command in it', ...either(command), answers: { 200: ref('Execution') } },
  [`GET ${container}/execute/:exec`]: { tag: 'Troupe', summary: 'How a session stands', answers: { 200: ref('ExecutionState') } },
  [`POST ${container}/execute_resize`]: { tag: 'Zun', summary: 'Tell a session the size of its terminal', ...either({ exec_id: text('As execute answered it'), h: side('Rows'), w: side('Columns') }), answers: { 200: nothing() } },
  [`GET ${container}/attach`]: { tag: 'Zun', summary: 'The URL of a WebSocket to its main process', answers: { 200: plain } },
  [`POST ${container}/resize`]: { tag: 'Zun', summary: 'Tell its terminal its size', ...either({ h: side('Rows'), w: side('Columns') }), answers: { 200: nothing() } },
  [`GET ${container}/top`]: { tag: 'Zun', summary: 'Its processes', query: optional({ ps_args: anything('Options of ps(1); -ef by default') }), answers: { 200: ref('Processes') } },
  [`GET ${container}/stats`]: { tag: 'Zun', summary: 'What it uses', answers: { 200: ref('Stats') } },
  [`GET ${container}/get_archive`]: { tag: 'Zun', summary: 'Files out of it. As application/x-tar, beyond Zun, the tar itself, with the stat in x-troupe-path-stat', query: optional({ path }), gives: ['application/json', 'application/x-tar'], answers: { 200: ref('Archive') } },
  [`POST ${container}/put_archive`]: { tag: 'Zun', summary: 'Files into a folder of it', query: optional({ path }), body: optional({ path, data: anything('A tar, plain or of gzip, in Base64; as text before 1.25') }), takes: ['application/json', 'application/x-tar'], answers: { 200: nothing() } },
  [`POST ${container}/commit`]: { tag: 'Zun', summary: 'Make an image of it, for its project, at its host', query: optional({ repository: text('Small letters and digits, such as team/web', rules.nameLength), tag: text('latest by default', { least: 0, most: 128 }) }), answers: { 202: Type.Object({ uuid: Type.String({ description: 'Of the image' }) }) } },
  [`POST ${container}/network_attach`]: { tag: 'Zun', summary: 'Plug it into a network', since: 8, ...either(network), answers: { 200: nothing() } },
  [`POST ${container}/network_detach`]: { tag: 'Zun', summary: 'Unplug it from one', since: 6, query: optional({ network: network.network, port: network.port }), answers: done },
  [`POST ${container}/add_security_group`]: { tag: 'Zun', summary: 'Put its ports of Neutron into a security group', until: 14, ...either({ name: text('By name or id', words) }), answers: done },
  [`POST ${container}/remove_security_group`]: { tag: 'Zun', summary: 'Take them out of one', until: 14, ...either({ name: text('By name or id', words) }), answers: done },
  [`GET ${container}/network_list`]: { tag: 'Zun', summary: 'Its networks', since: 13, answers: { 200: Type.Object({ networks: Type.Array(objectOf('net_id, port_id, fixed_ips; before 1.18 flat')) }) } },
  [`POST ${container}/volume_attach`]: { tag: 'Troupe', summary: 'Give it a volume while it lives', ...either({ volume: text('By name or id', words), path: text('Where in it: absolute; a folder that is missing is made', { least: 1, most: 4096 }), read_only: flag('Only to be read') }), answers: done },
  [`POST ${container}/volume_detach`]: { tag: 'Troupe', summary: 'Take that from it', ...either({ volume: text('By name or id', words) }), answers: done },
  [`GET ${container}/volume_list`]: { tag: 'Troupe', summary: 'Its volumes', answers: { 200: Type.Object({ volumes: Type.Array(objectOf('volume_id, path, read_only, status: attaching, attached or detaching')) }) } },
  [`GET ${container}/container_actions`]: { tag: 'Zun', summary: 'What people asked of it, newest first', answers: { 200: Type.Object({ containerActions: Type.Array(ref('Action')) }) } },
  [`GET ${container}/container_actions/:request`]: { tag: 'Zun', summary: 'What a request led to', answers: { 200: ref('ActionWithEvents') } },
  'POST /v1/capsules': { tag: 'Zun', summary: 'Create a capsule: containers that share a sandbox, and come and go together', body: required({ template: anything('kind (capsule), metadata (name, labels, annotations) and spec (containers, initContainers, volumes, restartPolicy); or the same as a string of JSON') }, ['template']), headers: idempotency('capsule'), answers: { 202: ref('Capsule') } },
  'GET /v1/capsules': { tag: 'Zun', summary: 'List capsules', query: optional({ ...paging, all_projects: allProjects }), answers: { 200: page('capsules', 'Capsule') } },
  'GET /v1/capsules/:id': { tag: 'Zun', summary: 'Show a capsule, by UUID or name', query: optional({ all_projects: allProjects }), answers: { 200: ref('Capsule') } },
  'DELETE /v1/capsules/:id': { tag: 'Zun', summary: 'Delete a capsule with its containers', query: optional({ all_projects: allProjects }), answers: { 204: Type.Null({ description: 'Nothing' }) } },
  'GET /v1/hosts': { tag: 'Zun', summary: 'List hosts; for admins', since: 4, query: optional(paging), answers: { 200: page('hosts', 'Host') } },
  'GET /v1/hosts/:id': { tag: 'Zun', summary: 'Show a host, by UUID or name; for admins', since: 4, answers: { 200: ref('Host') } },
  'GET /v1/services': { tag: 'Zun', summary: 'List the agents; for admins', answers: { 200: page('services', 'Service') } },
  'PUT /v1/services/enable': { tag: 'Zun', summary: 'Let a host take containers; for admins', query: optional(service), answers: { 200: objectOf('service') } },
  'PUT /v1/services/disable': { tag: 'Zun', summary: 'Let a host take none; for admins', query: optional({ ...service, disabled_reason: text('Why, in words', words) }), answers: { 200: objectOf('service') } },
  'PUT /v1/services/force_down': { tag: 'Zun', summary: 'Give up a host that is known to be dead; for admins', query: optional({ ...service, forced_down: flag('Give it up, the default') }), answers: { 200: objectOf('service') } },
  'DELETE /v1/services': { tag: 'Zun', summary: 'Let go of a host for good that is not heard and has nothing; for admins', query: optional(service), answers: { 200: nothing() } },
  'GET /v1/availability_zones': { tag: 'Zun', summary: 'Zones of the hosts', answers: { 200: Type.Object({ availability_zones: Type.Array(Type.Object({ availability_zone: plain })), next: Type.Null() }) } },
  'GET /v1/images': { tag: 'Zun', summary: 'List images of hosts; for admins', query: optional(paging), answers: { 200: page('images', 'Image') } },
  'GET /v1/images/:id': { tag: 'Zun', summary: 'Show an image of a host', answers: { 200: ref('Image') } },
  'POST /v1/images': { tag: 'Zun', summary: 'Pull an image onto a host; for admins', body: pullBody, answers: { 202: ref('Image') } },
  'DELETE /v1/images/:id': { tag: 'Zun', summary: 'Remove an image from its host', answers: { 200: nothing() } },
  'GET /v1/images/:id/search': { tag: 'Zun', summary: 'Search a registry for an image by this name', query: imageSearch, answers: { 200: Type.Array(ref('ImageHit')) } },
  'GET /v1/images/:id/:name/search': { tag: 'Zun', summary: 'The same, of a name with a slash', query: imageSearch, answers: { 200: Type.Array(ref('ImageHit')) } },
  'GET /v1/registries': { tag: 'Zun', summary: 'List registries', query: optional({ ...registryFilters, ...paging, all_projects: allProjects }), answers: { 200: page('registries', 'Registry') } },
  'GET /v1/registries/:id': { tag: 'Zun', summary: 'Show a registry, by UUID or name', answers: { 200: oneRegistry } },
  'POST /v1/registries': { tag: 'Zun', summary: 'Name a registry, with a login', body: registryBody, answers: { 201: oneRegistry } },
  'PATCH /v1/registries/:id': { tag: 'Zun', summary: 'Change its name or its login', body: registryBody, answers: { 200: oneRegistry } },
  'DELETE /v1/registries/:id': { tag: 'Zun', summary: 'Delete a registry that no container is pulled with', answers: { 204: Type.Null({ description: 'Nothing' }) } },
  'GET /v1/networks': { tag: 'Troupe', summary: 'List networks', query: optional({ ...paging, all_projects: allProjects }), answers: { 200: page('networks', 'Network') } },
  'GET /v1/networks/:id': { tag: 'Troupe', summary: 'Show a network, by UUID or name', answers: { 200: ref('Network') } },
  'POST /v1/networks': { tag: 'Zun', summary: 'Create a network', body: optional({ name: name('Of the project’s own'), subnet: anything('IPv4, such as 10.1.2.0/24; by default one that is free'), host: text('Where; by default where there is room', rules.nameLength), neutron_net_id: anything('Of Neutron, where the site has one') }), answers: { 200: ref('Network'), 202: ref('Network') } },
  'DELETE /v1/networks/:id': { tag: 'Zun', summary: 'Delete a network', since: 27, answers: { 204: Type.Null({ description: 'Nothing' }) } },
}; // prettier-ignore

const troupe: Readonly<Record<string, RouteSchema>> = {
  'DELETE /v1/pools': { tag: 'Troupe', summary: 'Let go the sandboxes that are kept ready', query: optional({ all_projects: allProjects }), answers: { 200: Type.Object({ flushed: Type.Integer() }) } },
  'GET /v1/volumes': { tag: 'Troupe', summary: 'List volumes', query: optional({ ...paging, all_projects: allProjects }), answers: { 200: page('volumes', 'Volume') } },
  'GET /v1/volumes/:id': { tag: 'Troupe', summary: 'Show a volume, by UUID or name', answers: { 200: ref('Volume') } },
  'POST /v1/volumes': { tag: 'Troupe', summary: 'Create a volume', body: optional({ name: name('Of the project’s own'), size: integer('GiB', volumeBounds.least, volumeBounds.most), host: text('Where; by default where there is room', rules.nameLength) }), answers: { 202: ref('Volume') } },
  'DELETE /v1/volumes/:id': { tag: 'Troupe', summary: 'Delete a volume, with what is in it', answers: { 204: Type.Null({ description: 'Nothing' }) } },
  'GET /v1/quotas/:id': { tag: 'Zun', summary: 'Limits of a project, with usages=True beside what it uses', query: optional({ usages: anything('Whatever it says asks for what is used') }), answers: { 200: objectOf('containers, memory, disk, cpu: a limit, or limit and in_use') } },
  'GET /v1/quotas/:id/defaults': { tag: 'Zun', summary: 'Limits of a project that has none of its own', answers: { 200: ref('Quota') } },
  'PUT /v1/quotas/:id': { tag: 'Zun', summary: 'Set limits of a project; for admins', body: quota, answers: { 200: ref('Quota') } },
  'DELETE /v1/quotas/:id': { tag: 'Zun', summary: 'Give a project the site’s limits; for admins', answers: { 200: nothing() } },
  'GET /v1/quota_classes/:id': { tag: 'Zun', summary: 'Limits of a class; for admins', answers: { 200: ref('Quota') } },
  'PUT /v1/quota_classes/:id': { tag: 'Zun', summary: 'Set limits of a class; those of default hold for projects that have none of their own; for admins', body: quota, answers: { 200: ref('Quota') } },
  'GET /v1/tenants': { tag: 'Troupe', summary: 'Projects: one’s own, or all for admins', answers: { 200: Type.Object({ tenants: Type.Array(ref('Tenant')) }) } },
  'GET /v1/tenants/:id': { tag: 'Troupe', summary: 'What a project may have, and has', answers: { 200: ref('Tenant') } },
  'PATCH /v1/tenants/:id': { tag: 'Troupe', summary: 'Change a project’s neighbours, or, for admins, its limits', body: optional({ limits: objectOf('containers, cpu, memory, disk; -1 = no limit'), neighbours: choice('Whether others may be on its hosts', neighboursModes) }), answers: { 200: ref('Tenant') } },
  'GET /v1/statecharts/:kind': { tag: 'Troupe', summary: 'The chart that decides', query: optional({ version: integer('An older one', 1) }), answers: { 200: ref('Statechart') } },
  'GET /v1/incidents': { tag: 'Troupe', summary: 'All that a request led to', query: optional({ request_id: text('As an answer named it in x-openstack-request-id') }), answers: { 200: ref('Incident') } },
  'POST /v1/what-if': { tag: 'Troupe', summary: 'What several events would lead to, one after the other', query: trial(), body: optional({ events: anything('A list of objects with a kind, an id and an event') }), answers: { 200: ref('WhatIf') } },
  'GET /v1/identity': { tag: 'Troupe', summary: 'Whom the token speaks for', answers: { 200: ref('Identity') } },
  'GET /v1/login': { tag: 'Troupe', summary: 'How one may log in here', answers: { 200: Type.Object({ methods: listOf(Type.Enum(['token', 'keystone']), 'token: one that is at hand; keystone: by user and password, too'), domain: Type.Union([Type.String(), Type.Null()], { description: 'Of users who name none' }) }) } },
  'POST /v1/login': { tag: 'Troupe', summary: 'A token of Keystone, by user and password, or by a token of no project and a project_id; where users are Keystone’s', body: optional(loginFields), answers: { 200: Type.Object({ token: text('Of a project, or, with projects, of none'), expires_at: Type.Optional(text('When it ends')), projects: Type.Optional(Type.Array(Type.Object({ id: plain, name: plain }), { description: 'To choose of' })) }), 429: { ...ref('Error'), description: 'Too many logins from one address; Retry-After says in how many seconds the next is heard' } as TSchema } },
  'POST /v1/tickets': { tag: 'Troupe', summary: 'A ticket that opens one WebSocket of /v1/watch in place of the token', answers: { 201: Type.Object({ ticket: plain, expires_in: Type.Integer({ description: 'Seconds' }) }) } },
  ...Object.fromEntries(actorKinds.flatMap((kind) => Object.entries(ofActors(kind, `/v1/${pluralOf(kind)}/:id`)))),
}; // prettier-ignore

function trial(): TSchema {
  return optional({
    effects: choice('Whether what would be set off is taken to go well', ['succeed', 'wait']),
    deadlines: choice('Whether time passes', ['wait', 'pass']),
  });
}

function ofActors(kind: string, base: string): Readonly<Record<string, RouteSchema>> {
  const event = objectOf(
    'One of allowedEvents of the lifecycle, as it stands there: type, and its other fields',
  );
  return {
    [`GET ${base}/lifecycle`]: { tag: 'Troupe', summary: `Where a ${kind} is, what it waits for, and what would move it`, answers: { 200: ref('Lifecycle') } },
    [`GET ${base}/history`]: { tag: 'Troupe', summary: `Turns of a ${kind}, also of one that has ended`, query: optional({ after: integer('A revision', 0), limit: integer('Most turns', 1) }), answers: { 200: ref('History') } },
    [`GET ${base}/incident`]: { tag: 'Troupe', summary: `What led to a moment of a ${kind}, and what followed`, query: optional({ revision: integer('The moment', 1), at: integer('The moment, epoch ms', 0) }), answers: { 200: ref('Incident') } },
    [`POST ${base}/events`]: { tag: 'Troupe', summary: `Send a ${kind} an event that its lifecycle offers`, body: event, answers: { 202: ref('CommandAnswer') } },
    [`POST ${base}/what-if`]: { tag: 'Troupe', summary: `What an event of a ${kind} would lead to, with nothing sent`, query: trial(), body: event, answers: { 200: ref('WhatIf') } },
  }; // prettier-ignore
}

const verb = (summary: string, body: TSchema = optional({})): RouteSchema => ({
  tag: 'Site',
  summary: `${summary}; for admins`,
  body,
  answers: done,
});

const site: Readonly<Record<string, RouteSchema>> = {
  'POST /v1/hosts/:id/cordon': verb('Let a host take no new containers', optional({ reason: text('Why, in words', words) })),
  'POST /v1/hosts/:id/uncordon': verb('Let a host take containers again'),
  'POST /v1/hosts/:id/drain': verb('Move what is on a host elsewhere'),
  'POST /v1/hosts/:id/maintain': verb('Keep a host out of use'),
  'POST /v1/hosts/:id/give_up': verb('Take a silent host for lost'),
  'DELETE /v1/hosts/:id': { tag: 'Site', summary: 'Let go of a host for good that is not heard and has nothing; its agent may join again with a new token; for admins', answers: { 204: Type.Null({ description: 'Nothing' }) } },
  'PATCH /v1/hosts/:id/labels': { tag: 'Site', summary: 'Labels over the agent’s own; for admins', body: objectOf('By name: a value, or null to give the agent’s own back'), answers: { 200: Type.Object({ labels: objectOf('All') }) } },
  'GET /v1/audit': { tag: 'Site', summary: 'What has no owner; for admins', answers: { 200: Type.Object({ audit: Type.Array(objectOf('A finding')), other_worlds: Type.Array(objectOf('A finding')) }) } },
  'GET /v1/quarantine': { tag: 'Site', summary: 'Actors that the supervisor gave up on; for admins', answers: { 200: Type.Object({ quarantine: Type.Array(objectOf('address, reason, event')) }) } },
  'POST /v1/join_tokens': { tag: 'Site', summary: 'A token with which one host may join; for admins', answers: { 201: Type.Object({ join_token: plain }) } },
  'GET /healthz': { tag: 'Site', summary: 'Whether the process answers', gives: ['text/plain'], answers: { 200: plain } },
  'GET /readyz': { tag: 'Site', summary: 'Whether it can do its work, and else why not', query: optional({ verbose: anything('Every check, as JSON') }), gives: ['application/json', 'text/plain'], answers: { 200: objectOf('ready, checks'), 503: objectOf('ready, checks') } },
  'GET /metrics': { tag: 'Site', summary: 'Metrics for Prometheus', gives: ['text/plain'], answers: { 200: plain } },
  'GET /v1/openapi.json': { tag: 'Site', summary: 'This document', answers: { 200: objectOf('OpenAPI 3.1') } },
}; // prettier-ignore

/** By `METHOD path`, as routes are registered. */
export const routeSchemas: ReadonlyMap<string, RouteSchema> = new Map(
  Object.entries({ ...zun, ...troupe, ...site }),
);
