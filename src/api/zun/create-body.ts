/**
 * The body of `POST /containers`: every field of Zun's schema, with the rule
 * it breaks and the microversion it needs. What this release can't do yet is
 * refused in words; the empty values that clients always send are taken.
 */
import { split } from 'shlex';
import { TroupeError } from '../../errors/errors.ts';
import type { Access } from '../policy/policy.ts';
import type { RuleName } from '../policy/rules.ts';
import type { ContainerSpec, RestartPolicy, RestartPolicyName } from '../../model/container.ts';
import type { ImageName } from '../../model/image-view.ts';
import { parseAttachments, type AttachmentsContext } from './attachments.ts';
import { flag, integer, list, number, object, text, texts, variables, type Body } from './body-fields.ts';
import { parseHealthCheck } from './health-check.ts';
import { integerIn, invalidField } from './values.ts';
import { requireVersion } from './microversion.ts';

export interface CreateBodyContext {
  readonly minor: number;
  /** What the caller may do. */
  readonly may: Access['may'];
  readonly userId: string;
  /** For a container that was not named. */
  readonly generatedName: string;
  /** Site's default when none is asked: CPUs and MiB. */
  readonly defaults: { readonly cpu: number | null; readonly memoryMib: number | null };
  readonly attachments: AttachmentsContext;
  /** The site's, where none is asked. */
  readonly imageDriver: ContainerSpec['imageDriver'];
  /** Of an image that is not Glance's. @throws TroupeError INVALID_VALUE, REGISTRY_NOT_FOUND */
  readonly nameImage: (image: string, registry: string | null) => ImageName;
}

export const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
export const hostnamePattern = /^[a-zA-Z0-9-._]*$/;
export const imagePattern = /[a-zA-Z0-9][a-zA-Z0-9_.-]/;
export const nameLength = { least: 2, most: 255 };
export const wordLength = { least: 1, most: 255 };
export const restartPolicies: readonly RestartPolicyName[] = ['no', 'always', 'on-failure', 'unless-stopped'];
/** Zun's configured bounds. */
export const cpuBounds = { least: 0.1, most: 16 };
export const memoryBounds = { least: 4, most: 8192 };
export const diskBounds = { least: 1, most: 160 };
/** Processes in one container, unless the site says otherwise. */
export const pidsLimit = 4096;

/** Field → the first microversion that has it. */
// prettier-ignore
const fields: ReadonlyMap<string, number> = new Map(Object.entries({
  name: 1, image: 1, command: 1, entrypoint: 40, cpu: 1, cpu_policy: 1, memory: 1, disk: 1, workdir: 1, environment: 1,
  labels: 1, hints: 1, restart_policy: 1, auto_remove: 3, interactive: 1, tty: 1, image_driver: 1, image_pull_policy: 1,
  security_groups: 1, exposed_ports: 24, nets: 1, mounts: 11, runtime: 5, hostname: 9, availability_zone: 1, auto_heal: 1,
  privileged: 21, healthcheck: 22, registry: 31, host: 39,
})); // prettier-ignore

/** Absent below their version rather than too new: Zun's schema has no such key there. */
const absentBelow = new Set(['host', 'entrypoint']);

/** Fields that not everybody may give, by the rule that says who. */
const policies = {
  runtime: 'container:create:runtime',
  host: 'container:create:requested_destination',
  image_pull_policy: 'container:create:image_pull_policy',
} as const;

/**
 * What an image of Glance is there has yet to be asked.
 * @throws TroupeError INVALID_INPUT, INVALID_VALUE, PARAMETER_TOO_NEW, FORBIDDEN, REGISTRY_NOT_FOUND
 */
export function parseCreateBody(body: Body, context: CreateBodyContext): ContainerSpec {
  const { minor } = context;
  onlyFields(body, minor);
  if (body['image'] === undefined) throw new TroupeError('INVALID_INPUT', "'image' is a required property");
  const image = text(body, 'image', nameLength, imagePattern);
  if (image === null) throw invalidField('image', null, 'It must be a string');
  const interactive = flag(body, 'interactive', false);
  const restart = restartPolicy(body);
  const registry = text(body, 'registry', nameLength);
  const spec: ContainerSpec = {
    name: text(body, 'name', nameLength, namePattern) ?? context.generatedName,
    userId: context.userId,
    image,
    imageReference: null,
    registryId: null,
    imageDriver: imageDriver(body['image_driver'], context.imageDriver),
    stored: null,
    imagePullPolicy: pullPolicy(body),
    command: command(body, minor),
    entrypoint: list(body, 'entrypoint'),
    workdir: workdir(body),
    environment: variables(body, 'environment'),
    labels: labels(body),
    hints: texts(body, 'hints'),
    cpu: number(body, 'cpu', cpuBounds) ?? context.defaults.cpu,
    memoryMib: integer(body, 'memory', memoryBounds) ?? context.defaults.memoryMib,
    diskGib: integer(body, 'disk', diskBounds) ?? 0,
    pidsLimit,
    interactive,
    tty: ttyFollowsInteractive(body, minor) ? interactive : flag(body, 'tty', false),
    hostname: text(body, 'hostname', wordLength, hostnamePattern),
    runtime: text(body, 'runtime', wordLength),
    restartPolicy: restart,
    autoRemove: flag(body, 'auto_remove', false),
    autoHeal: flag(body, 'auto_heal', false),
    healthcheck: parseHealthCheck(body),
    availabilityZone: text(body, 'availability_zone', wordLength),
    requestedHost: text(body, 'host', wordLength),
    networks: [],
    published: [],
    mounts: [],
    files: [],
  };
  for (const [key, since] of fields) if (isAsked(body, key)) requireVersion(key, minor, since);
  refuseUnsupported(body, context.may, context.attachments.neutron);
  for (const [key, policy] of Object.entries(policies))
    if (isAsked(body, key) && !context.may(policy)) throw forbidden(policy);
  if (spec.autoRemove && restart && restart.name !== 'no') {
    throw new TroupeError(
      'INVALID_VALUE',
      'auto_remove and a restart policy exclude each other; leave one of them out',
    );
  }
  const attachments = parseAttachments(body, context.attachments);
  if (spec.imageDriver === 'glance') {
    if (registry !== null)
      throw invalidField('registry', registry, 'Images of Glance are in no registry; leave it out');
    return { ...spec, ...attachments };
  }
  const { isGuarded, ...named } = context.nameImage(image, registry);
  const imagePullPolicy = pullPolicy(body, isGuarded ? 'always' : 'ifnotpresent');
  return { ...spec, ...attachments, ...named, imagePullPolicy };
}

function onlyFields(body: Body, minor: number): void {
  for (const key of Object.keys(body)) {
    const since = fields.get(key);
    if (since !== undefined && !(absentBelow.has(key) && minor < since)) continue;
    throw new TroupeError(
      'INVALID_INPUT',
      `Additional properties are not allowed ('${key.slice(0, 80)}' was unexpected). Known are: ${[...fields.keys()].join(', ')}`,
    );
  }
}

/** Empty mounts are sent by clients of every version. */
const isAsked = (body: Body, key: string): boolean =>
  body[key] !== undefined && body[key] !== null && !(key === 'mounts' && isEmptyList(body[key]));

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

/** Until 1.36 told them apart. */
const ttyFollowsInteractive = (body: Body, minor: number): boolean =>
  minor >= 20 && minor < 36 && isAsked(body, 'interactive');

const forbidden = (policy: RuleName): TroupeError =>
  new TroupeError('FORBIDDEN', `Policy doesn't allow ${policy} to be performed.`);

/** Asked for and not in this release: said, never ignored. */
function refuseUnsupported(body: Body, may: Access['may'], hasGroups: boolean): void {
  const notYet = (key: string, what: string): TroupeError =>
    new TroupeError(
      'INVALID_VALUE',
      `This release of Troupe does not support ${what} ('${key}'); leave it out`,
    );
  if (flag(body, 'privileged', false))
    throw may('container:create:privileged')
      ? notYet('privileged', 'privileged containers')
      : forbidden('container:create:privileged');
  const groups = body['security_groups'];
  if (groups !== undefined && groups !== null && !Array.isArray(groups))
    throw invalidField('security_groups', groups, 'It must be a list');
  if (groups !== undefined && groups !== null && groups.length > 0 && !hasGroups)
    throw new TroupeError(
      'INVALID_VALUE',
      'Security groups are Neutron’s, and containers of this site are on networks of their hosts (network.driver is "local"); leave \'security_groups\' out',
    );
  const policy = body['cpu_policy'];
  if (policy !== undefined && policy !== null && policy !== 'shared') {
    if (policy !== 'dedicated') throw invalidField('cpu_policy', policy, 'It must be shared or dedicated');
    throw notYet('cpu_policy', 'dedicated CPUs');
  }
}

function command(body: Body, minor: number): readonly string[] | null {
  const value = body['command'];
  if (value === undefined || value === null) return null;
  if (minor >= 20) return list(body, 'command');
  const line = text(body, 'command', { least: 0, most: Number.MAX_SAFE_INTEGER })!;
  try {
    const words = split(line);
    return words.length === 0 ? null : words;
  } catch {
    throw invalidField(
      'command',
      line,
      'It must be a line that a shell can split; is a quotation mark missing?',
    );
  }
}

function workdir(body: Body): string | null {
  const path = text(body, 'workdir', { least: 0, most: 4096 });
  if (path === null || path === '') return null;
  if (!path.startsWith('/')) throw invalidField('workdir', path, 'It must be an absolute path');
  return path;
}

function labels(body: Body): Readonly<Record<string, string>> {
  const given = texts(body, 'labels');
  for (const key of Object.keys(given)) {
    if (key === '') throw invalidField('labels', key, 'A label must have a name');
    if (key.startsWith('troupe.'))
      throw invalidField('labels', key, 'Labels that begin with "troupe." are Troupe’s own');
  }
  return given;
}

function restartPolicy(body: Body): RestartPolicy | null {
  const value = object(body, 'restart_policy', ['Name', 'MaximumRetryCount']);
  if (!value) return null;
  const { Name: name, MaximumRetryCount: count = null } = value;
  if (!restartPolicies.includes(name as RestartPolicyName)) {
    throw invalidField('restart_policy.Name', name, `It must be one of ${restartPolicies.join(', ')}`);
  }
  const retries = count === null ? 0 : integerIn(count);
  if (retries === null || retries < 0)
    throw invalidField('restart_policy.MaximumRetryCount', count, 'It must be an integer of at least 0');
  if (retries > 0 && (name === 'always' || name === 'unless-stopped')) {
    throw new TroupeError('INVALID_VALUE', `maximum retry count not valid with restart policy of ${name}`);
  }
  return { name: name as RestartPolicyName, maximumRetryCount: name === 'no' ? 0 : retries };
}

/** @param usual the site's, for who names none */
export function imageDriver(
  value: unknown,
  usual: ContainerSpec['imageDriver'],
): ContainerSpec['imageDriver'] {
  if (value === undefined || value === null || value === '' || value === 'None') return usual;
  if (value === 'docker' || value === 'glance') return value;
  throw invalidField('image_driver', value, 'It must be docker or glance');
}

/** @throws TroupeError INVALID_INPUT */
export function pullPolicy(
  body: Body,
  fallback: ContainerSpec['imagePullPolicy'] = 'ifnotpresent',
): ContainerSpec['imagePullPolicy'] {
  const value = body['image_pull_policy'];
  if (value === undefined || value === null) return fallback;
  const policy = typeof value === 'string' ? value.toLowerCase() : '';
  if (policy !== 'never' && policy !== 'always' && policy !== 'ifnotpresent') {
    throw invalidField('image_pull_policy', value, 'It must be never, always or ifnotpresent');
  }
  return policy;
}
