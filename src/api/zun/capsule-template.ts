/**
 * The template of `POST /capsules`: its shape as one schema, then what its parts
 * must be to each other. What Zun ignores and can be done is done: names and
 * host ports of containers, read-only mounts. @see zun-api 2.15
 */
import { posix } from 'node:path';
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { TroupeError } from '../../errors/errors.ts';
import type { CapsuleTemplate } from '../../model/capsule.ts';
import type { ContainerSpec, Made, MountSpec, RestartPolicy } from '../../model/container.ts';
import type { Environment } from '../../model/environment.ts';
import type { ImageName } from '../../model/image-view.ts';
import { namedUuid } from '../../model/named-uuid.ts';
import type { Access } from '../policy/policy.ts';
import { found, volumeBounds, type AttachmentsContext, type VolumeWish } from './attachments.ts';
import { cpuBounds, memoryBounds, nameLength, namePattern, pidsLimit } from './create-body.ts';
import { generateName } from './names.ts';
import { invalidField } from './values.ts';

/** Of each list: they stand in one snapshot. */
const membersMost = 32;
/** Of an init container that shall be tried again; after as many its capsule fails. @see zun-api 2.15 */
const initRetries = 10;

const text = (most = 255) => Type.String({ minLength: 1, maxLength: most, pattern: '^[^\\0]*$' });
const name = Type.String({
  minLength: nameLength.least,
  maxLength: nameLength.most,
  pattern: namePattern.source,
});
const texts = Type.Record(Type.String(), Type.String());
const words = Type.Array(Type.String({ pattern: '^[^\\0]*$' }));
const portNumber = (least: number) => Type.Integer({ minimum: least, maximum: 65_535 });
const strict = { additionalProperties: false };

const container = Type.Object(
  {
    image: Type.String({ minLength: nameLength.least, maxLength: nameLength.most }),
    name: Type.Optional(name),
    command: Type.Optional(words),
    args: Type.Optional(words),
    env: Type.Optional(texts),
    workDir: Type.Optional(Type.String({ pattern: '^/', maxLength: 4096 })),
    resources: Type.Optional(
      Type.Object(
        {
          requests: Type.Optional(
            Type.Object(
              {
                cpu: Type.Optional(Type.Number({ minimum: cpuBounds.least, maximum: cpuBounds.most })),
                memory: Type.Optional(
                  Type.Integer({ minimum: memoryBounds.least, maximum: memoryBounds.most }),
                ),
              },
              strict,
            ),
          ),
        },
        strict,
      ),
    ),
    ports: Type.Optional(
      Type.Array(
        Type.Object(
          {
            containerPort: portNumber(1),
            hostPort: Type.Optional(portNumber(0)),
            name: Type.Optional(text()),
            protocol: Type.Optional(Type.Enum(['TCP', 'UDP'])),
          },
          strict,
        ),
      ),
    ),
    volumeMounts: Type.Optional(
      Type.Array(
        Type.Object({ name: text(), mountPath: text(4096), readOnly: Type.Optional(Type.Boolean()) }, strict),
      ),
    ),
    imagePullPolicy: Type.Optional(
      Type.Enum(['never', 'always', 'ifnotpresent', 'Never', 'Always', 'IfNotPresent']),
    ),
    stdin: Type.Optional(Type.Boolean()),
    tty: Type.Optional(Type.Boolean()),
  },
  strict,
);

const restartPolicy = Type.Optional(Type.Enum(['Always', 'OnFailure', 'Never']));

const template = Type.Object(
  {
    kind: Type.Enum(['capsule', 'Capsule']),
    capsuleVersion: Type.Optional(Type.Enum(['beta', 'Beta'])),
    metadata: Type.Object({
      name: Type.Optional(name),
      labels: Type.Optional(texts),
      annotations: Type.Optional(texts),
    }),
    availabilityZone: Type.Optional(text()),
    // Until 1.16 told clients of its place in `spec`; Zun reads it here ever since.
    restartPolicy,
    spec: Type.Object({
      containers: Type.Array(container, { minItems: 1, maxItems: membersMost }),
      initContainers: Type.Optional(Type.Array(container, { maxItems: membersMost })),
      volumes: Type.Optional(
        Type.Array(
          Type.Object(
            {
              name: text(),
              cinder: Type.Object(
                {
                  volumeID: Type.Optional(text()),
                  size: Type.Optional(
                    Type.Integer({ minimum: volumeBounds.least, maximum: volumeBounds.most }),
                  ),
                  autoRemove: Type.Optional(Type.Boolean()),
                },
                strict,
              ),
            },
            strict,
          ),
          { maxItems: membersMost },
        ),
      ),
      restartPolicy,
    }),
  },
  strict,
);

type Template = Static<typeof template>;
type Container = Static<typeof container>;

const check = Compile(template);

export interface TemplateContext extends AttachmentsContext {
  readonly environment: Environment;
  readonly may: Access['may'];
  readonly userId: string;
  /** Site's default when none is asked: CPUs and MiB. */
  readonly defaults: { readonly cpu: number | null; readonly memoryMib: number | null };
  /** What engines call an image of the project's. @throws TroupeError INVALID_VALUE */
  readonly nameImage: (image: string) => ImageName;
}

export interface ReadTemplate {
  readonly template: CapsuleTemplate;
  /** Of Cinder, yet to be asked for. Where a mount says `volumeId`, it is the name of one of these. */
  readonly volumes: readonly VolumeWish[];
}

/** @throws TroupeError INVALID_INPUT naming field, value and rule; INVALID_CAPSULE for parts that don't fit; INVALID_VALUE for a volume that is not there */
export function parseTemplate(
  body: Readonly<Record<string, unknown>>,
  context: TemplateContext,
): ReadTemplate {
  const other = Object.keys(body).find((key) => key !== 'template');
  if (other !== undefined)
    throw new TroupeError(
      'INVALID_INPUT',
      `Additional properties are not allowed ('${other.slice(0, 80)}' was unexpected). Known is: template`,
    );
  if (body['template'] === undefined)
    throw new TroupeError('INVALID_INPUT', "'template' is a required property");
  const asked = shaped(body['template']);
  const { metadata, spec } = asked;
  const capsuleName = metadata.name ?? generateName(context.environment, 'capsule');
  const policy = restartPolicies[spec.restartPolicy ?? asked.restartPolicy ?? 'Always'];
  const volumes = volumesOf(asked, context);
  const names = new Set<string>();
  const nameOf = (given: string | undefined): string => {
    const own = given ?? generateName(context.environment, '');
    const full = `capsule-${capsuleName}-${own}`.slice(0, nameLength.most - 4);
    if (given !== undefined && names.has(full)) throw bad(`Two containers are called "${given}"`);
    let free = full;
    for (let count = 2; names.has(free); count += 1) free = `${full}-${count}`;
    names.add(free);
    return free;
  };
  // Dropped without a word where it isn't theirs to choose. @see zun-api 2.15
  const mayPull = context.may('container:create:image_pull_policy');
  const imageOf = ({ image, imagePullPolicy: given }: Container) => {
    const { isGuarded, ...named } = context.nameImage(image);
    const otherwise = isGuarded ? 'always' : 'ifnotpresent';
    return {
      ...named,
      imagePullPolicy:
        mayPull && given !== undefined
          ? (given.toLowerCase() as ContainerSpec['imagePullPolicy'])
          : (otherwise as ContainerSpec['imagePullPolicy']),
    };
  };
  const specOf =
    (restart: RestartPolicy) =>
    (each: Container): ContainerSpec => ({
      name: nameOf(each.name),
      userId: context.userId,
      ...imageOf(each),
      imageDriver: 'docker',
      stored: null,
      command: commandOf(each),
      entrypoint: null,
      workdir: each.workDir ?? null,
      environment: variablesOf(each),
      labels: {},
      hints: {},
      cpu: each.resources?.requests?.cpu ?? context.defaults.cpu,
      memoryMib: each.resources?.requests?.memory ?? context.defaults.memoryMib,
      diskGib: 0,
      pidsLimit,
      interactive: each.stdin ?? false,
      tty: each.tty ?? false,
      hostname: null,
      runtime: null,
      restartPolicy: restart,
      autoRemove: false,
      autoHeal: false,
      healthcheck: null,
      availabilityZone: asked.availabilityZone ?? null,
      requestedHost: null,
      networks: [],
      published: context.neutron ? unpublished(each) : publishedOf(each),
      mounts: mountsOf(each, volumes),
      files: [],
    });
  const read: CapsuleTemplate = {
    name: capsuleName,
    userId: context.userId,
    labels: labelsOf(metadata.labels ?? {}),
    annotations: metadata.annotations ?? {},
    availabilityZone: asked.availabilityZone ?? null,
    restartPolicy: policy,
    initContainers: (spec.initContainers ?? []).map(specOf(initPolicyOf(policy))),
    containers: spec.containers.map(specOf(policy)),
  };
  everyVolumeIsMounted(asked);
  everyPortIsOnce(read);
  return { template: read, volumes: context.cinder ? wishesOf(asked) : [] };
}

const publishedOf = ({ ports = [] }: Container): ContainerSpec['published'] =>
  ports.map(({ containerPort, hostPort = 0, protocol = 'TCP' }) => ({
    protocol: protocol === 'UDP' ? 'udp' : 'tcp',
    containerPort,
    hostPort,
  }));

/** What only says which ports it has is taken as that. @throws TroupeError INVALID_CAPSULE */
function unpublished({ ports = [] }: Container): readonly [] {
  const [asked] = ports.filter(({ hostPort = 0 }) => hostPort > 0);
  if (asked)
    throw bad(
      `On networks of Neutron no port of a host leads to a container ("hostPort": ${asked.hostPort}); what reaches it is said by its security groups`,
    );
  return [];
}

/** @throws TroupeError INVALID_INPUT */
function shaped(given: unknown): Template {
  const value = typeof given === 'string' ? parsed(given) : given;
  if (check.Check(value)) return value;
  // Of what is not allowed there is a second word that says which, and of a choice each part says its own.
  const errors = check.Errors(value).filter(({ keyword }) => keyword !== 'boolean');
  const [error] = errors;
  const path = ['template', ...(error?.instancePath ?? '').split('/').filter(Boolean)];
  const params = (error?.params ?? {}) as {
    readonly requiredProperties?: readonly string[];
    readonly additionalProperties?: readonly string[];
    readonly allowedValues?: readonly unknown[];
  };
  const field = path.join('.');
  if (params.requiredProperties)
    throw new TroupeError(
      'INVALID_INPUT',
      `${params.requiredProperties.map((key) => `'${key}'`).join(', ')} is a required property of '${field}'`,
    );
  if (params.additionalProperties)
    throw new TroupeError(
      'INVALID_INPUT',
      `Additional properties are not allowed in '${field}' ('${params.additionalProperties.join("', '")}' was unexpected)`,
    );
  const rule = params.allowedValues
    ? `It must be one of ${params.allowedValues.join(', ')}`
    : `It ${error?.message ?? 'is not valid'}`;
  throw invalidField(field, path.includes('env') ? '***' : valueAt(value, path.slice(1)), rule);
}

function parsed(given: string): unknown {
  try {
    return JSON.parse(given) as unknown;
  } catch {
    throw invalidField('template', given, 'As a string it must hold JSON');
  }
}

const valueAt = (value: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((at, key) => (at as Readonly<Record<string, unknown>> | null)?.[key], value);

const restartPolicies: Readonly<Record<'Always' | 'OnFailure' | 'Never', RestartPolicy>> = {
  Always: { name: 'always', maximumRetryCount: 0 },
  OnFailure: { name: 'on-failure', maximumRetryCount: 0 },
  Never: { name: 'no', maximumRetryCount: 0 },
};

/** It is meant to end, so that no end of its own is answered by a start but a failure. */
const initPolicyOf = ({ name: policy }: RestartPolicy): RestartPolicy =>
  policy === 'no'
    ? { name: 'no', maximumRetryCount: 0 }
    : { name: 'on-failure', maximumRetryCount: initRetries };

const commandOf = ({ command = [], args = [] }: Container): readonly string[] | null =>
  command.length + args.length === 0 ? null : [...command, ...args];

/** What is wrong with one is told without its value, which may be a password. */
function variablesOf({ env = {} }: Container): Readonly<Record<string, string>> {
  for (const [key, value] of Object.entries(env))
    if (key === '' || /[=\0]/.test(key) || value.includes('\0'))
      throw invalidField('env', key, 'A variable’s name must not be empty, nor contain = or NUL');
  return env;
}

function labelsOf(given: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const key of Object.keys(given))
    if (key === '' || key.startsWith('troupe.'))
      throw invalidField(
        'template.metadata.labels',
        key,
        'A label must have a name, and those that begin with "troupe." are Troupe’s own',
      );
  return given;
}

const bad = (message: string): TroupeError => new TroupeError('INVALID_CAPSULE', message);

interface Volume {
  readonly volumeId: string;
  readonly made: Made | null;
}

function volumesOf(
  { spec }: Template,
  { local, tenant, seed, cinder: isCinders }: TemplateContext,
): ReadonlyMap<string, Volume> {
  const volumes = new Map<string, Volume>();
  for (const { name: volume, cinder } of spec.volumes ?? []) {
    const { volumeID: source, size, autoRemove = false } = cinder;
    if (volumes.has(volume)) throw bad(`Two volumes are called "${volume}"`);
    if ((source === undefined) === (size === undefined))
      throw bad(`The volume "${volume}" must have either volumeID or size`);
    if (isCinders) volumes.set(volume, { volumeId: volume, made: null });
    else
      volumes.set(
        volume,
        source === undefined
          ? {
              volumeId: namedUuid(`volume/${seed}/${volume}`),
              made: { sizeGib: size!, ...(autoRemove ? {} : { isKept: true as const }) },
            }
          : { volumeId: found(() => local.volume(tenant, source)).id, made: null },
      );
  }
  return volumes;
}

function wishesOf({ spec }: Template): readonly VolumeWish[] {
  const all = [...spec.containers, ...(spec.initContainers ?? [])].flatMap(
    ({ volumeMounts = [] }) => volumeMounts,
  );
  return (spec.volumes ?? []).map(({ name, cinder: { volumeID, size, autoRemove = false } }) => ({
    name,
    source: volumeID ?? null,
    sizeGib: size ?? null,
    isKept: !autoRemove,
    destination: '',
    readOnly: all.every((mount) => mount.name !== name || mount.readOnly === true),
  }));
}

function mountsOf(
  { volumeMounts = [] }: Container,
  volumes: ReadonlyMap<string, Volume>,
): readonly MountSpec[] {
  const destinations = new Set<string>();
  return volumeMounts.map(({ name: mounted, mountPath, readOnly = false }) => {
    const volume = volumes.get(mounted);
    if (!volume) throw bad(`A container mounts the volume "${mounted}", which the template does not have`);
    if (!posix.isAbsolute(mountPath) || posix.normalize(mountPath) !== mountPath || mountPath.endsWith('/'))
      throw invalidField('mountPath', mountPath, 'It must be an absolute path, in its shortest form');
    if (destinations.has(mountPath))
      throw bad(`"${mountPath}" is the mountPath of two mounts of a container`);
    destinations.add(mountPath);
    return { ...volume, destination: mountPath, readOnly };
  });
}

/** @see zun-api 2.15 */
function everyVolumeIsMounted({ spec }: Template): void {
  const mounted = [...spec.containers, ...(spec.initContainers ?? [])].flatMap(
    ({ volumeMounts = [] }) => volumeMounts,
  );
  const unused = (spec.volumes ?? []).find((volume) => !mounted.some((mount) => mount.name === volume.name));
  if (unused)
    throw bad(`volume mount parameters is invalid. No container mounts the volume "${unused.name}"`);
}

/** They share one network, so that no two can listen on one port. */
function everyPortIsOnce({ containers }: CapsuleTemplate): void {
  const ports = new Set<string>();
  for (const { protocol, containerPort } of containers.flatMap(({ published }) => published)) {
    const port = `${containerPort}/${protocol}`;
    if (ports.has(port)) throw bad(`Two containers have the port ${port}, and they share one network`);
    ports.add(port);
  }
}
