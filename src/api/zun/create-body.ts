/**
 * The body of `POST /containers`: every field of Zun's schema, with the rule
 * it breaks and the microversion it needs. What this release can't do yet is
 * refused in words; the empty values that clients always send are taken.
 */
import { split } from 'shlex';
import { TroupeError } from '../../errors/errors.ts';
import type { ContainerSpec, HealthCheck, RestartPolicy, RestartPolicyName } from '../../model/container.ts';
import { invalidField } from './values.ts';
import { requireVersion } from './microversion.ts';

export interface CreateBodyContext {
  readonly minor: number;
  readonly admin: boolean;
  readonly userId: string;
  /** For a container that was not named. */
  readonly generatedName: string;
  /** Site's default when none is asked: CPUs and MiB. */
  readonly defaults: { readonly cpu: number | null; readonly memoryMib: number | null };
}

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
const hostnamePattern = /^[a-zA-Z0-9-._]*$/;
const imagePattern = /[a-zA-Z0-9][a-zA-Z0-9_.-]/;
const restartPolicies: readonly RestartPolicyName[] = ['no', 'always', 'on-failure', 'unless-stopped'];
/** Zun's configured bounds. */
const cpuBounds = { least: 0.1, most: 16 };
const memoryBounds = { least: 4, most: 8192 };
const diskBounds = { least: 1, most: 160 };
/** Processes in one container, unless the site says otherwise. */
const pidsLimit = 4096;

/** Field → the first microversion that has it. */
// prettier-ignore
const fields: Readonly<Record<string, number>> = {
  name: 1, image: 1, command: 1, entrypoint: 40, cpu: 1, cpu_policy: 1, memory: 1, disk: 1, workdir: 1, environment: 1,
  labels: 1, hints: 1, restart_policy: 1, auto_remove: 3, interactive: 1, tty: 1, image_driver: 1, image_pull_policy: 1,
  security_groups: 1, exposed_ports: 24, nets: 1, mounts: 1, runtime: 5, hostname: 9, availability_zone: 1, auto_heal: 1,
  privileged: 21, healthcheck: 22, registry: 31, host: 39,
}; // prettier-ignore

/** Absent below their version rather than too new: Zun's schema has no such key there. */
const absentBelow = new Set(['host', 'entrypoint']);

/** @throws TroupeError INVALID_INPUT, INVALID_VALUE, PARAMETER_TOO_NEW, FORBIDDEN */
export function parseCreateBody(
  body: Readonly<Record<string, unknown>>,
  context: CreateBodyContext,
): ContainerSpec {
  const { minor } = context;
  for (const key of Object.keys(body)) {
    const since = fields[key];
    if (since === undefined || (absentBelow.has(key) && minor < since)) {
      throw new TroupeError(
        'INVALID_INPUT',
        `Additional properties are not allowed ('${key}' was unexpected). Known are: ${Object.keys(fields).join(', ')}`,
      );
    }
  }
  if (body['image'] === undefined) throw new TroupeError('INVALID_INPUT', "'image' is a required property");
  const image = text(body, 'image', 2, 255, imagePattern)!;
  const name = text(body, 'name', 2, 255, namePattern) ?? context.generatedName;
  const hostname = text(body, 'hostname', 1, 255, hostnamePattern);
  const interactive = flag(body, 'interactive', false);
  const spec: ContainerSpec = {
    name,
    userId: context.userId,
    image: withTag(image),
    imageDriver: imageDriver(body),
    imagePullPolicy: pullPolicy(body, context),
    command: command(body, minor),
    entrypoint: list(body, 'entrypoint'),
    workdir: text(body, 'workdir', 0, 4096, /^/),
    environment: strings(body, 'environment'),
    labels: labels(body),
    hints: strings(body, 'hints'),
    cpu: number(body, 'cpu', cpuBounds) ?? context.defaults.cpu,
    memoryMib: integer(body, 'memory', memoryBounds) ?? context.defaults.memoryMib,
    diskGib: integer(body, 'disk', diskBounds) ?? 0,
    pidsLimit,
    interactive,
    tty: minor >= 20 && minor < 36 ? interactive : flag(body, 'tty', false),
    hostname,
    runtime: text(body, 'runtime', 1, 255, /^/),
    restartPolicy: restartPolicy(body),
    autoRemove: flag(body, 'auto_remove', false),
    autoHeal: flag(body, 'auto_heal', false),
    healthcheck: healthcheck(body),
    availabilityZone: text(body, 'availability_zone', 1, 255, /^/),
    requestedHost: text(body, 'host', 1, 255, /^/),
    networks: [],
    published: [],
    mounts: [],
    files: [],
  };
  for (const key of [
    'auto_remove',
    'runtime',
    'hostname',
    'privileged',
    'healthcheck',
    'exposed_ports',
    'registry',
  ] as const) {
    if (body[key] !== undefined && body[key] !== null) requireVersion(key, minor, fields[key]!);
  }
  if (Array.isArray(body['mounts']) && body['mounts'].length > 0) requireVersion('mounts', minor, 11);
  refuseUnsupported(body);
  for (const [key, policy] of [
    ['runtime', 'container:create:runtime'],
    ['host', 'container:create:requested_destination'],
    ['image_pull_policy', 'container:create:image_pull_policy'],
  ] as const) {
    const asked = body[key] !== undefined && body[key] !== null;
    if (asked && !context.admin)
      throw new TroupeError('FORBIDDEN', `Policy doesn't allow ${policy} to be performed.`);
  }
  if (spec.autoRemove && spec.restartPolicy && spec.restartPolicy.name !== 'no') {
    throw new TroupeError(
      'INVALID_VALUE',
      'auto_remove and a restart policy exclude each other; leave one of them out',
    );
  }
  return spec;
}

/** Asked for and not in this release: said, never ignored. */
function refuseUnsupported(body: Readonly<Record<string, unknown>>): void {
  if (flag(body, 'privileged', false)) {
    throw new TroupeError('FORBIDDEN', "Policy doesn't allow container:create:privileged to be performed.");
  }
  const notYet = (key: string, what: string): TroupeError =>
    new TroupeError(
      'INVALID_VALUE',
      `This release of Troupe does not support ${what} ('${key}'); leave it out`,
    );
  for (const [key, what] of [
    ['nets', 'networks of one’s own'],
    ['mounts', 'volumes'],
    ['security_groups', 'security groups'],
  ] as const) {
    const value = body[key];
    if (value === undefined || value === null) continue;
    if (!Array.isArray(value)) throw invalidField(key, value, 'It must be a list');
    if (value.length > 0) throw notYet(key, what);
  }
  const ports = body['exposed_ports'];
  if (ports !== undefined && ports !== null) {
    if (typeof ports !== 'object') throw invalidField('exposed_ports', ports, 'It must be an object');
    if (Object.keys(ports).length > 0) throw notYet('exposed_ports', 'exposed ports');
  }
  if (body['registry'] !== undefined && body['registry'] !== null)
    throw notYet('registry', 'registries with credentials');
  const policy = body['cpu_policy'];
  if (policy !== undefined && policy !== null && policy !== 'shared') {
    if (policy !== 'dedicated') throw invalidField('cpu_policy', policy, 'It must be shared or dedicated');
    throw notYet('cpu_policy', 'dedicated CPUs');
  }
}

function text(
  body: Readonly<Record<string, unknown>>,
  key: string,
  least: number,
  most: number,
  pattern: RegExp,
): string | null {
  const value = body[key];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string') throw invalidField(key, value, 'It must be a string');
  if (value.length < least || value.length > most)
    throw invalidField(key, value, `It must have ${least} to ${most} characters`);
  if (!pattern.test(value)) throw invalidField(key, value, `It must match ${pattern.source}`);
  return value;
}

/** A JSON boolean or one of Python's spellings. */
function flag(body: Readonly<Record<string, unknown>>, key: string, fallback: boolean): boolean {
  const value = body[key];
  if (value === undefined || value === null) return fallback;
  if (value === true || value === 'true' || value === 'True') return true;
  if (value === false || value === 'false' || value === 'False') return false;
  throw invalidField(key, value, 'It must be a boolean: true or false');
}

function number(
  body: Readonly<Record<string, unknown>>,
  key: string,
  bounds: { least: number; most: number },
): number | null {
  const value = body[key];
  if (value === undefined || value === null) return null;
  const valid =
    typeof value === 'number' ||
    (typeof value === 'string' && /^[0-9]*(\.([0-9]+))?$/.test(value) && value !== '');
  if (!valid) throw invalidField(key, value, 'It must be a number');
  const parsed = Number(value);
  if (parsed < bounds.least || parsed > bounds.most)
    throw invalidField(key, value, `It must be between ${bounds.least} and ${bounds.most}`);
  return parsed;
}

function integer(
  body: Readonly<Record<string, unknown>>,
  key: string,
  bounds: { least: number; most: number },
): number | null {
  const value = body[key];
  if (value === undefined || value === null) return null;
  const valid = Number.isSafeInteger(value) || (typeof value === 'string' && /^[0-9]+$/.test(value));
  if (!valid) throw invalidField(key, value, 'It must be an integer');
  return number(body, key, bounds);
}

function list(body: Readonly<Record<string, unknown>>, key: string): readonly string[] | null {
  const value = body[key];
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string'))
    throw invalidField(key, value, 'It must be a list of strings');
  return value.length === 0 ? null : value;
}

function command(body: Readonly<Record<string, unknown>>, minor: number): readonly string[] | null {
  const value = body['command'];
  if (value === undefined || value === null) return null;
  if (minor >= 20) return list(body, 'command');
  if (typeof value !== 'string')
    throw invalidField('command', value, 'Below version 1.20 it must be a string');
  const words = split(value);
  return words.length === 0 ? null : words;
}

function strings(body: Readonly<Record<string, unknown>>, key: string): Readonly<Record<string, string>> {
  const value = body[key];
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw invalidField(key, value, 'It must be an object of strings');
  for (const [name, each] of Object.entries(value)) {
    if (typeof each !== 'string') throw invalidField(`${key}.${name}`, each, 'It must be a string');
  }
  return value as Record<string, string>;
}

/** Clients make a repeated label a list; the engine knows strings only. */
function labels(body: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const value = body['labels'];
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw invalidField('labels', value, 'It must be an object');
  const entries = Object.entries(value).map(
    ([key, each]) => [key, typeof each === 'string' ? each : JSON.stringify(each)] as const,
  );
  for (const [key] of entries) {
    if (key.startsWith('troupe.'))
      throw invalidField('labels', key, 'Labels that begin with "troupe." are Troupe’s own');
  }
  return Object.fromEntries(entries);
}

function restartPolicy(body: Readonly<Record<string, unknown>>): RestartPolicy | null {
  const value = body['restart_policy'];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'object' || Array.isArray(value))
    throw invalidField('restart_policy', value, 'It must be an object');
  const { Name: name, MaximumRetryCount: count = null, ...others } = value as Record<string, unknown>;
  if (Object.keys(others).length > 0)
    throw invalidField('restart_policy', value, 'It has Name and MaximumRetryCount only');
  if (!restartPolicies.includes(name as RestartPolicyName)) {
    throw invalidField('restart_policy.Name', name, `It must be one of ${restartPolicies.join(', ')}`);
  }
  const retries = count === null ? 0 : Number(count);
  if (!Number.isSafeInteger(retries) || retries < 0)
    throw invalidField('restart_policy.MaximumRetryCount', count, 'It must be an integer of at least 0');
  if (retries > 0 && (name === 'always' || name === 'unless-stopped')) {
    throw new TroupeError('INVALID_VALUE', `maximum retry count not valid with restart policy of ${name}`);
  }
  return { name: name as RestartPolicyName, maximumRetryCount: name === 'no' ? 0 : retries };
}

function healthcheck(body: Readonly<Record<string, unknown>>): HealthCheck | null {
  const value = body['healthcheck'];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'object' || Array.isArray(value))
    throw invalidField('healthcheck', value, 'It must be an object');
  const { cmd, interval = 0, retries = 0, timeout = 0, ...others } = value as Record<string, unknown>;
  if (Object.keys(others).length > 0)
    throw invalidField('healthcheck', value, 'It has cmd, interval, retries and timeout only');
  if (typeof cmd !== 'string' || cmd === '')
    throw invalidField('healthcheck.cmd', cmd, 'It must be a command');
  const seconds = (key: string, each: unknown): number => {
    const parsed = Number(each);
    if (!Number.isSafeInteger(parsed) || parsed < 0)
      throw invalidField(`healthcheck.${key}`, each, 'It must be an integer of at least 0');
    return parsed;
  };
  return {
    test: cmd,
    intervalSeconds: seconds('interval', interval),
    timeoutSeconds: seconds('timeout', timeout),
    retries: seconds('retries', retries),
  };
}

function imageDriver(body: Readonly<Record<string, unknown>>): ContainerSpec['imageDriver'] {
  const value = body['image_driver'];
  if (value === undefined || value === null || value === 'None' || value === 'docker') return 'docker';
  if (value === 'glance')
    throw new TroupeError(
      'INVALID_VALUE',
      "This release of Troupe does not support images from Glance ('image_driver'); use docker",
    );
  throw invalidField('image_driver', value, 'It must be docker or glance');
}

function pullPolicy(
  body: Readonly<Record<string, unknown>>,
  { admin }: CreateBodyContext,
): ContainerSpec['imagePullPolicy'] {
  const value = body['image_pull_policy'];
  if (value === undefined || value === null) return 'ifnotpresent';
  const policy = typeof value === 'string' ? value.toLowerCase() : '';
  if (policy !== 'never' && policy !== 'always' && policy !== 'ifnotpresent') {
    throw invalidField('image_pull_policy', value, 'It must be never, always or ifnotpresent');
  }
  return admin ? policy : 'ifnotpresent';
}

/** `repo` means `repo:latest`; a digest or a tag stays. */
function withTag(image: string): string {
  const name = image.slice(image.lastIndexOf('/') + 1);
  return name.includes(':') || image.includes('@') ? image : `${image}:latest`;
}
