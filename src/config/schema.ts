/** Every setting of a site: name, type, default, meaning. `docs/configuration.md` is made from this. */
import { Type, type Static } from 'typebox';
import { narrowestPrefix, widestPrefix } from '../model/subnet.ts';

/** Beside JSON Schema's own keywords: the rule in words where there is a pattern, and what may not be shown. */
export type Extra = {
  readonly pattern?: string;
  /** Completes "must be …". */
  readonly rule?: string;
  /** `all` of the value is a secret, or the `password` inside a URL. */
  readonly secret?: 'all' | 'password';
};

const text = (value: string, description: string, extra: Extra = {}) =>
  Type.String({ default: value, description, ...extra });
const texts = (description: string, extra: Extra = {}) =>
  Type.Array(Type.String(extra), { default: [], description, ...extra });
const count = (value: number, description: string, minimum = 0, maximum?: number) =>
  Type.Integer({
    default: value,
    minimum,
    ...(maximum === undefined ? {} : { maximum }),
    description,
  });
const amount = (value: number, description: string, minimum: number) =>
  Type.Number({ default: value, minimum, description });
const ratio = (description: string) =>
  Type.Number({ default: 1, minimum: 0.01, maximum: 1_000, description });
const share = (description: string) => Type.Number({ default: 0, minimum: 0, maximum: 1, description });
/** Of a host whose own configuration may say otherwise than the site's: -1 = as the site. */
const own = (most: number, description: string) =>
  Type.Number({ default: -1, minimum: -1, maximum: most, description });
const flag = (value: boolean, description: string) => Type.Boolean({ default: value, description });
const section = <T extends Parameters<typeof Type.Object>[0]>(properties: T, description: string) =>
  Type.Object(properties, { default: {}, additionalProperties: false, description });

export const configSchema = Type.Object(
  {
    state: section(
      {
        directory: text(
          '/var/lib/troupe',
          'Where keys, tokens, the embedded store and the agent keep their files',
          { pattern: '^/', rule: 'an absolute path' },
        ),
        keyFile: text(
          '',
          'File of the keys that seal what is secret in the store: 32 bytes in Base64, one key a line, the first seals and all of them open; empty: site.key in directory, made when it is needed first',
          { pattern: '^(/.+)?$', rule: 'an absolute path' },
        ),
      },
      'What this machine keeps',
    ),
    api: section(
      {
        host: text('127.0.0.1', 'Address the API listens on; 0.0.0.0 for all of IPv4, :: for all'),
        port: count(9517, 'Port the API listens on', 1, 65_535),
        publicUrl: text(
          '',
          'How clients reach the API, for "troupe env" and the URLs of sessions; empty: made of host and port',
          {
            pattern: '^(https?://[^/]+)?$',
            rule: 'a URL without a path, such as https://control:9517',
          },
        ),
        allowedOrigins: texts('Origins besides the API’s own that may open WebSockets', {
          pattern: '^https?://[^/]+$',
          rule: 'origins such as https://console.example',
        }),
        sessionsMost: count(32, 'Terminals and attachments that one container may have at once', 1),
        policyFile: text(
          '',
          'Rules of who may do what, as oslo.policy’s policy.yaml has them; see [policy](policy.md)',
          { pattern: '^(/.*)?$', rule: 'an absolute path' },
        ),
        disableFile: text(
          '/etc/zun/healthcheck_disable',
          'While it is there `GET /healthcheck` answers 503, so that a load balancer sends its requests elsewhere',
          { pattern: '^/.+$', rule: 'an absolute path' },
        ),
        certFile: text('', 'PEM certificate; with keyFile the API and the host links speak TLS'),
        keyFile: text('', 'PEM key of certFile'),
      },
      'The API, and where agents dial',
    ),
    auth: section(
      {
        kind: Type.Enum(['tokens', 'keystone'], {
          default: 'tokens',
          description: 'Who says whose a token is: the file of tokens of this site, or Keystone',
        }),
        cloud: text(
          '',
          'Cloud in clouds.yaml with Troupe’s own credentials; empty: the one that "troupe keystone bootstrap" wrote, else OS_CLOUD, else the other OS_* variables',
        ),
        cloudsFile: text(
          '',
          'clouds.yaml; empty: the one in the state directory, else OS_CLIENT_CONFIG_FILE, else the usual places',
          { pattern: '^(/.*)?$', rule: 'an absolute path' },
        ),
        publicUrl: text('', 'Where clients reach Keystone; empty: where Troupe does', {
          pattern: '^(https?://.+)?$',
          rule: 'a URL such as https://cloud.example:5000/v3',
        }),
        recheckMs: count(
          60_000,
          'How long a token that Keystone found good counts without asking again; so long may a revoked one be used',
        ),
        timeoutMs: count(5_000, 'For Keystone, or another service of the cloud, to answer', 100),
        loginDomain: text('Default', 'Domain of people who log in to the console and name none'),
        loginsMost: count(20, 'Logins by password from one address in a minute', 1),
      },
      'Who may call the API; see [operations](operations.md#keystone)',
    ),
    images: section(
      {
        driver: Type.Enum(['docker', 'glance'], {
          default: 'docker',
          description:
            'Where the image of a container comes from whose request does not say: the registry that its name leads to, or Glance, which takes auth.kind "keystone"',
        }),
        commitsTo: Type.Enum(['host', 'glance', 'layers'], {
          default: 'host',
          description:
            'Where an image is kept that is made of a container: by its host; in Glance, as Zun does; or there in layers, each of which a project has once, and which Troupe alone puts together. The last two take auth.kind "keystone"',
        }),
        collectMs: count(
          3_600_000,
          'Between looks for what is left in Glance: layers that no image names any more, and what was begun and is no image. It is removed, unless it is younger than this',
          1_000,
        ),
      },
      'Images; see [operations](operations.md#glance)',
    ),
    archive: section(
      {
        jsonMib: count(
          16,
          'Files in one JSON body or answer, as Zun’s clients copy them: held in memory',
          1,
          512,
        ),
        mostMib: count(4_096, 'Files that are put into a container at once, as they are unpacked', 1),
        entriesMost: count(100_000, 'How many of them', 1),
        ratioMost: count(100, 'Unpacked ÷ sent, where they are sent compressed', 1),
      },
      'Files copied into containers and out of them',
    ),
    store: section(
      {
        kind: Type.Enum(['embedded', 'redis'], {
          default: 'embedded',
          description: 'Where actors are durable',
        }),
        redisUrl: text('redis://127.0.0.1:6379', 'URL of Redis; rediss:// for TLS', {
          pattern: '^rediss?://.+',
          rule: 'a URL such as redis://127.0.0.1:6379',
          secret: 'password',
        }),
        redisNodes: texts('Redis Cluster nodes; instead of redisUrl', {
          pattern: '^.+:[0-9]+$',
          rule: 'nodes as host:port',
        }),
        redisUsername: text('', 'Redis ACL user'),
        redisPassword: text('', 'Redis password; better redisPasswordFile', { secret: 'all' }),
        redisPasswordFile: text('', 'File that holds the Redis password'),
        redisCaFile: text('', 'PEM authority that signed Redis’s certificate'),
        redisPrefix: text('troupe:', 'Begins every key, so that several sites may share a Redis'),
        journalRecords: count(200, 'Journal records kept of a living actor', 10),
        keepDays: count(
          30,
          'Days that tombstones, journals and streams are kept; tombstones also until no host is away',
          1,
        ),
      },
      'Where actors are durable; see [operations](operations.md#redis) for what may be lost',
    ),
    link: section(
      {
        allowInsecure: flag(false, 'Host links from other machines may be in clear'),
        heartbeatMs: count(500, 'Between heartbeats, both ways; three missed end a link', 50),
        leaseMs: count(5_000, 'Silence after which an agent restarts containers by itself', 500),
      },
      'Between control plane and agents',
    ),
    host: section(
      {
        lostMs: count(8_000, 'From suspect to lost', 500),
        syncMs: count(30_000, 'For a connected host to tell its inventory', 1_000),
        cpuRatio: ratio('CPU promised ÷ had, without what is reserved; above 1 it is over-committed'),
        memoryRatio: ratio('Memory promised ÷ had'),
        diskRatio: ratio('Disk promised ÷ had'),
        reservedCpu: share('Share of a host’s CPU kept back for the machine itself'),
        reservedMemory: share('Share of its memory kept back'),
        reservedDisk: share('Share of its disk kept back'),
      },
      'When a host counts as lost, and how much of it may be promised',
    ),
    scheduler: section(
      {
        strategy: Type.Enum(['spread', 'pack'], {
          default: 'spread',
          description: 'Emptiest hosts first, or fullest',
        }),
        neighbours: Type.Enum(['off', 'preferred', 'enforced'], {
          default: 'off',
          description: 'Hosts with containers of one tenant only; each tenant may tighten it for itself',
        }),
      },
      'Where containers go',
    ),
    engine: section(
      {
        kind: Type.Enum(['auto', 'docker', 'podman'], {
          default: 'auto',
          description: 'Which engine listens there; auto asks it',
        }),
        socket: text('/var/run/docker.sock', 'Unix socket of the container engine', {
          pattern: '^/',
          rule: 'an absolute path',
        }),
      },
      'The container engine of this host',
    ),
    agent: section(
      {
        controlUrl: text('', 'Where the agent dials, e.g. wss://control:9517', {
          pattern: '^(wss?://[^/]+)?$',
          rule: 'a URL without a path, such as wss://control:9517',
        }),
        hostname: text(
          '',
          'What this host is called, such as where two agents share a machine; empty = the machine’s name',
          {
            pattern: '^([A-Za-z0-9]([A-Za-z0-9.-]{0,62}))?$',
            rule: 'letters, digits, dots and hyphens, at most 63',
          },
        ),
        caFile: text('', 'PEM authority that signed the control plane’s certificate'),
        joinTokenFile: text('', 'File that holds a join token; needed once'),
        labels: Type.Record(Type.String(), Type.String(), {
          default: {},
          description: 'Labels of this host',
        }),
        availabilityZone: text('', 'Zone of this host; empty = the site’s'),
        cpuRatio: own(1_000, 'host.cpuRatio of this host; -1 = the site’s'),
        memoryRatio: own(1_000, 'host.memoryRatio of this host; -1 = the site’s'),
        diskRatio: own(1_000, 'host.diskRatio of this host; -1 = the site’s'),
        reservedCpu: own(1, 'host.reservedCpu of this host; -1 = the site’s'),
        reservedMemory: own(1, 'host.reservedMemory of this host; -1 = the site’s'),
        reservedDisk: own(1, 'host.reservedDisk of this host; -1 = the site’s'),
        poolMemoryMib: count(-1, 'site.poolMemoryMib of this host; -1 = the site’s', -1),
        concurrency: count(16, 'Engine calls at once', 1),
      },
      'The agent of this host',
    ),
    network: section(
      {
        driver: Type.Enum(['local', 'neutron'], {
          default: 'local',
          description:
            'Whose networks containers are on: those of their hosts, or the cloud’s; "neutron" needs auth.kind "keystone"',
        }),
        neutronHost: text(
          '',
          'What Neutron calls this host, as its agent here is configured; empty = the machine’s name',
          { pattern: '^[^\\s]{0,255}$', rule: 'a name without blanks' },
        ),
        ovsdb: text(
          'unix:/run/openvswitch/db.sock',
          'Where the database of this host’s Open vSwitch listens, for a Neutron whose agent here is of that',
          { pattern: '^(unix:/\\S+|(tcp|ssl):\\S+)$', rule: 'as ovs-vsctl --db takes it' },
        ),
        kuryr: text(
          '',
          'Docker’s plugin of kuryr-libnetwork, by whose Docker networks this host plugs ports of Neutron, e.g. kuryr; empty = Troupe plugs them itself',
          { pattern: '^([A-Za-z0-9][\\w.-]{0,63})?$', rule: 'the name of a plugin of Docker’s' },
        ),
        mode: Type.Enum(['auto', 'own', 'engine'], {
          default: 'auto',
          description:
            'Networks made here, or the engine’s; auto: made here where the agent is root and has ip and nft',
        }),
        subnets: text('10.208.0.0/12', 'Where subnets of local networks are taken from', {
          pattern: '^[0-9.]+/[0-9]+$',
          rule: 'an IPv4 subnet such as 10.208.0.0/12',
        }),
        subnetPrefix: count(24, 'Length of each subnet’s prefix', widestPrefix, narrowestPrefix),
        mtu: count(
          1_500,
          'MTU of local networks; not above that of the links that lead outside',
          576,
          65_535,
        ),
      },
      'Networks of containers; see [operations](operations.md#neutron)',
    ),
    volume: section(
      {
        driver: Type.Enum(['local', 'cinder'], {
          default: 'local',
          description:
            'Whose volumes containers mount: those of their hosts, or the cloud’s; "cinder" needs auth.kind "keystone"',
        }),
        directory: text(
          '',
          'Where volumes of this host lie, and those of Cinder are mounted; empty: "volumes" in the state directory',
          {
            pattern: '^(/.*)?$',
            rule: 'an absolute path',
          },
        ),
        promisedMs: count(
          600_000,
          'A volume that was made in Cinder for a request that came to no end is deleted after this',
          1_000,
        ),
      },
      'Volumes of containers; see [operations](operations.md#cinder)',
    ),
    site: section(
      {
        availabilityZone: text('nova', 'Zone of hosts that name none'),
        sandboxes: Type.Enum(['auto', 'own', 'engine'], {
          default: 'auto',
          description:
            'Network namespace: one apart from the container, or the engine’s; auto: apart on hosts that make networks',
        }),
        poolCeiling: count(16, 'Sandboxes made ahead at most, for each host, project and network; 0 = none'),
        poolMemoryMib: count(
          256,
          'Memory of a host for sandboxes made ahead, of all pools together; one takes 4 MiB on Docker, 1 on Podman',
        ),
        poolPorts: count(
          1_000,
          'Ports of Neutron that sandboxes made ahead have at most, of all projects together; 0 = none is made ahead there',
        ),
        poolPortsPerProject: count(
          50,
          'The same of each project; a tenth of the ports that Neutron’s usual quota gives it',
        ),
        poolWindowMs: count(
          30_000,
          'Use is counted over so many milliseconds; without use a pool halves',
          1_000,
        ),
        cpu: amount(0, 'CPUs of a container that asks for none; 0 = no limit', 0),
        memoryMib: count(0, 'Memory of a container that asks for none; 0 = no limit'),
      },
      'What containers get that ask for nothing',
    ),
    quota: section(
      {
        containers: count(40, 'Containers of a project; -1 = no limit', -1),
        cpu: amount(20, 'CPUs of a project; -1 = no limit', -1),
        memoryMib: count(51_200, 'Memory of a project; -1 = no limit', -1),
        diskGib: count(100, 'Disk of a project; -1 = no limit', -1),
        reservationMs: count(60_000, 'A reservation nobody confirmed is given back after this', 1_000),
      },
      'Limits of a project that has none of its own, for what the quota class `default` does not say',
    ),
    deadlines: section(
      {
        placingMs: count(60_000, 'To find a host', 100),
        claimMs: count(10_000, 'For one host to grant or refuse room', 100),
        imageMs: count(600_000, 'To have the image on the host', 100),
        sandboxMs: count(60_000, 'To make the network namespace', 100),
        createMs: count(120_000, 'To create the container', 100),
        startMs: count(120_000, 'To start it', 100),
        stopMs: count(30_000, 'To stop it, beyond its grace', 100),
        removeMs: count(60_000, 'To remove it, before the engine counts as hung', 100),
        networkIdleMs: count(300_000, 'How long a project’s default network keeps its bridge unused', 100),
        answerMs: count(
          5_000,
          'For a request to become durable, before its outcome is told to be unknown',
          100,
        ),
      },
      'How long each step of a container may take',
    ),
    log: section(
      {
        level: Type.Enum(['debug', 'info', 'warn', 'error'], {
          default: 'info',
          description: 'Least level that is logged',
        }),
      },
      'What Troupe writes about itself',
    ),
  },
  { additionalProperties: false },
);

export type Config = Static<typeof configSchema>;
