/** Every setting of a site: name, type, default, meaning. `docs/configuration.md` is made from this. */
import { Type, type Static } from 'typebox';

const text = (value: string, description: string) => Type.String({ default: value, description });
const count = (value: number, description: string, least = 0) =>
  Type.Integer({ default: value, minimum: least, description });
const flag = (value: boolean, description: string) => Type.Boolean({ default: value, description });
const section = <T extends Parameters<typeof Type.Object>[0]>(properties: T) =>
  Type.Object(properties, { default: {}, additionalProperties: false });

export const configSchema = Type.Object(
  {
    state: section({
      directory: text(
        '/var/lib/troupe',
        'Where keys, tokens, the embedded store and the agent keep their files',
      ),
    }),
    api: section({
      host: text('127.0.0.1', 'Address the API listens on'),
      port: count(9517, 'Port the API listens on'),
      allowedOrigins: Type.Array(Type.String(), {
        default: [],
        description: 'Origins besides the API’s own that may open WebSockets',
      }),
      certFile: text('', 'PEM certificate; with keyFile the API and the host links speak TLS'),
      keyFile: text('', 'PEM key of certFile'),
    }),
    store: section({
      kind: Type.Enum(['embedded', 'redis'], {
        default: 'embedded',
        description: 'Where actors are durable',
      }),
      redisUrl: text('redis://127.0.0.1:6379', 'URL of Redis; rediss:// for TLS'),
      redisNodes: Type.Array(Type.String(), {
        default: [],
        description: 'host:port of Redis Cluster nodes; instead of redisUrl',
      }),
      redisUsername: text('', 'Redis ACL user'),
      redisPassword: text('', 'Redis password; better redisPasswordFile'),
      redisPasswordFile: text('', 'File that holds the Redis password'),
      redisCaFile: text('', 'PEM authority that signed Redis’s certificate'),
      redisPrefix: text('troupe:', 'Begins every key, so that several sites may share a Redis'),
      journalRecords: count(200, 'Journal records kept of a living actor', 10),
      keepDays: count(30, 'Days that tombstones, journals and streams are kept', 1),
    }),
    link: section({
      allowInsecure: flag(false, 'Host links from other machines may be in clear'),
      heartbeatMs: count(500, 'Between heartbeats, both ways; three missed end a link', 50),
      leaseMs: count(5_000, 'Silence after which an agent restarts containers by itself', 500),
    }),
    host: section({
      lostMs: count(8_000, 'From suspect to lost', 500),
      syncMs: count(30_000, 'For a connected host to tell its inventory', 1_000),
    }),
    engine: section({
      socket: text('/var/run/docker.sock', 'Unix socket of the container engine'),
    }),
    agent: section({
      controlUrl: text('', 'Where the agent dials, e.g. wss://control:9517'),
      caFile: text('', 'PEM authority that signed the control plane’s certificate'),
      joinTokenFile: text('', 'File that holds a join token; needed once'),
      labels: Type.Record(Type.String(), Type.String(), { default: {}, description: 'Labels of this host' }),
      concurrency: count(16, 'Engine calls at once', 1),
    }),
    site: section({
      availabilityZone: text('nova', 'Zone of hosts that name none'),
      sandboxes: Type.Enum(['engine', 'own'], {
        default: 'engine',
        description: 'Network namespace: the engine’s, or one apart from the container',
      }),
      poolCeiling: count(16, 'Sandboxes made ahead at most, for each host, project and network; 0 = none'),
      poolWindowMs: count(
        30_000,
        'Use is counted over so many milliseconds; without use a pool halves',
        1_000,
      ),
      cpu: Type.Number({
        default: 0,
        minimum: 0,
        description: 'CPUs of a container that asks for none; 0 = no limit',
      }),
      memoryMib: count(0, 'Memory of a container that asks for none; 0 = no limit'),
    }),
    quota: section({
      containers: count(40, 'Containers of a project; -1 = no limit', -1),
      cpu: Type.Number({ default: 20, minimum: -1, description: 'CPUs of a project; -1 = no limit' }),
      memoryMib: count(51_200, 'Memory of a project; -1 = no limit', -1),
      diskGib: count(100, 'Disk of a project; -1 = no limit', -1),
      reservationMs: count(60_000, 'A reservation nobody confirmed is given back after this', 1_000),
    }),
    deadlines: section({
      placingMs: count(60_000, 'To find a host', 100),
      claimMs: count(10_000, 'For one host to grant or refuse room', 100),
      imageMs: count(600_000, 'To have the image on the host', 100),
      sandboxMs: count(60_000, 'To make the network namespace', 100),
      createMs: count(120_000, 'To create the container', 100),
      startMs: count(120_000, 'To start it', 100),
      stopMs: count(30_000, 'To stop it, beyond its grace', 100),
      removeMs: count(60_000, 'To remove it, before the engine counts as hung', 100),
      answerMs: count(
        5_000,
        'For a request to become durable, before its outcome is told to be unknown',
        100,
      ),
    }),
    log: section({
      level: Type.Enum(['debug', 'info', 'warn', 'error'], {
        default: 'info',
        description: 'Least level that is logged',
      }),
    }),
  },
  { additionalProperties: false },
);

export type Config = Static<typeof configSchema>;
