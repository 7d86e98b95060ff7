/** Shapes of the vocabulary as the wire carries it. Lengths are bounded by the frame. */
import { Type, type TSchema } from 'typebox';

export const id = Type.String({ minLength: 1, maxLength: 255 });
export const text = Type.String();
export const count = Type.Integer({ minimum: 0 });
export const nullable = (schema: TSchema) => Type.Union([schema, Type.Null()]);

const texts = Type.Array(text);
const textByName = Type.Record(Type.String(), Type.String());

const shares = (most: number) => {
  const each = nullable(Type.Number({ minimum: 0, maximum: most }));
  return Type.Object({ cpu: each, memory: each, disk: each });
};

export const fingerprint = Type.Object({
  hostname: id,
  engine: text,
  engineVersion: text,
  engineApiVersion: text,
  cpus: Type.Number({ minimum: 0 }),
  memoryMib: count,
  diskGib: count,
  architecture: text,
  os: text,
  kernelVersion: text,
  runtimes: texts,
  labels: textByName,
  engineUp: Type.Boolean(),
  engineProblem: nullable(text),
  networks: Type.Optional(
    Type.Object({ able: Type.Boolean(), problem: nullable(text), neutronHost: Type.Optional(text) }),
  ),
  overrides: Type.Optional(
    Type.Object({
      availabilityZone: nullable(id),
      ratios: shares(1_000),
      reserved: shares(1),
      warmMemoryMib: Type.Optional(nullable(count)),
    }),
  ),
});

export const observation = Type.Object({
  containerId: id,
  tenant: id,
  generation: count,
  engineId: text,
  state: Type.Enum(['created', 'running', 'paused', 'restarting', 'exited', 'dead', 'removing']),
  startedAt: nullable(Type.Number()),
  finishedAt: nullable(Type.Number()),
  exitCode: nullable(Type.Integer()),
  oomKilled: Type.Boolean(),
  error: nullable(text),
  health: Type.Enum(['none', 'starting', 'healthy', 'unhealthy']),
  healthReason: Type.Optional(nullable(text)),
  hostname: nullable(text),
  addresses: texts,
  command: texts,
  entrypoint: nullable(texts),
  ports: Type.Array(Type.Integer()),
});

const networkDefinition = Type.Object({ networkId: id, subnet: text, gateway: text, mtu: count });

export const port = Type.Object({
  portId: id,
  network: networkDefinition,
  mac: text,
  address: text,
  interfaceName: text,
  neutron: Type.Optional(
    Type.Object({
      addresses: Type.Array(
        Type.Object({ address: text, prefix: count, version: Type.Integer(), subnetId: text }),
      ),
      gateways: texts,
      routes: Type.Array(Type.Object({ destination: text, via: text })),
      nameservers: texts,
      securityGroups: texts,
      isUsers: Type.Boolean(),
      ovs: Type.Optional(Type.Object({ bridge: text, isUserspace: Type.Boolean() })),
      outline: Type.Optional(
        Type.Object({
          isShared: Type.Boolean(),
          subnets: Type.Array(Type.Object({ subnetId: id, cidr: text, gateway: nullable(text) })),
        }),
      ),
    }),
  ),
});

export const publishedPort = Type.Object({
  protocol: Type.Enum(['tcp', 'udp']),
  containerPort: count,
  hostPort: count,
});

const mount = Type.Object({
  volumeId: id,
  made: nullable(Type.Object({ sizeGib: nullable(count) })),
  destination: text,
  readOnly: Type.Boolean(),
});

const healthProbe = Type.Union([
  Type.Object({ type: Type.Literal('exec'), test: text }),
  Type.Object({
    type: Type.Literal('http'),
    port: count,
    path: text,
    statuses: Type.Array(Type.Object({ least: count, most: count })),
  }),
  Type.Object({ type: Type.Literal('tcp'), port: count }),
]);

export const containerSpec = Type.Object({
  name: text,
  userId: text,
  image: text,
  imageDriver: Type.Enum(['docker', 'glance']),
  imagePullPolicy: Type.Enum(['always', 'ifnotpresent', 'never']),
  command: nullable(texts),
  entrypoint: nullable(texts),
  workdir: nullable(text),
  environment: textByName,
  labels: textByName,
  hints: textByName,
  cpu: nullable(Type.Number()),
  memoryMib: nullable(Type.Number()),
  diskGib: Type.Number(),
  pidsLimit: Type.Number(),
  interactive: Type.Boolean(),
  tty: Type.Boolean(),
  hostname: nullable(text),
  runtime: nullable(text),
  restartPolicy: nullable(
    Type.Object({
      name: Type.Enum(['no', 'always', 'on-failure', 'unless-stopped']),
      maximumRetryCount: count,
    }),
  ),
  autoRemove: Type.Boolean(),
  autoHeal: Type.Boolean(),
  healthcheck: nullable(
    Type.Object({
      probe: healthProbe,
      intervalSeconds: count,
      timeoutSeconds: count,
      retries: count,
      startPeriodSeconds: count,
      successThreshold: count,
    }),
  ),
  availabilityZone: nullable(text),
  requestedHost: nullable(text),
  networks: Type.Array(
    Type.Object({ networkId: text, isDefault: Type.Boolean(), fixedAddress: nullable(text) }),
  ),
  published: Type.Array(publishedPort),
  mounts: Type.Array(mount),
  files: Type.Array(Type.Object({ destination: text, content: text })),
});
