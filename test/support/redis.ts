/** redis-server processes of a test's own: temporary directory, free ports, always stopped. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';

const execute = promisify(execFile);

export interface RedisProcess {
  readonly port: number;
  readonly url: string;
  /** Where its files are. */
  readonly directory: string;
  /** Ends it as a power cut does, or waits until it has ended by itself. Its files stay. */
  kill(): Promise<void>;
  ended(): Promise<void>;
  /** Starts it again over the same files; resolves when it has loaded them. */
  start(): Promise<void>;
  /** Ends it; files that it made a folder for go too. */
  stop(): Promise<void>;
}

export interface RedisProcessOptions {
  readonly password?: string;
  readonly port?: number;
  /** A folder of the test's own, which it keeps. */
  readonly directory?: string;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** One whose bus port, 10,000 above, exists too. */
export async function freeClusterPort(): Promise<number> {
  for (;;) {
    const port = await freePort();
    if (port <= 55_000) return port;
  }
}

/** @param settings of redis-server, behind ours, which are those of production */
export async function startRedis(
  settings: readonly string[] = [],
  options: RedisProcessOptions = {},
): Promise<RedisProcess> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'troupe-redis-')));
  const port = options.port ?? (await freePort());
  const password = options.password === undefined ? {} : { password: options.password };
  let child: ChildProcess;
  let ended: Promise<void> = Promise.resolve();

  const redis: RedisProcess = {
    port,
    url: `redis://127.0.0.1:${port}`,
    directory,
    async start() {
      child = spawn(
        'redis-server',
        ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', '', '--appendonly', 'yes', '--appendfsync', 'always',
          ...(options.password === undefined ? [] : ['--requirepass', options.password]), ...settings], // prettier-ignore
        { stdio: 'ignore' },
      );
      ended = new Promise((resolve) => child.once('exit', () => resolve()));
      const client = new Redis({
        port,
        host: '127.0.0.1',
        ...password,
        lazyConnect: true,
        retryStrategy: () => 20,
      });
      client.on('error', () => {});
      try {
        await new Promise<void>((resolve, reject) => {
          client.once('ready', resolve);
          child.once('exit', (code) => reject(new Error(`redis-server exited with ${code}`)));
          client.connect().catch(() => {});
        });
      } finally {
        client.disconnect();
      }
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    ended: () => ended,
    async stop() {
      await redis.kill();
      if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
    },
  };
  await redis.start();
  return redis;
}

/** Three masters, all slots served. */
export async function startRedisCluster(): Promise<{
  readonly nodes: readonly string[];
  stop(): Promise<void>;
}> {
  const processes = await Promise.all(
    [1, 2, 3].map(async () =>
      startRedis(['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'], {
        port: await freeClusterPort(),
      }),
    ),
  );
  const nodes = processes.map(({ port }) => `127.0.0.1:${port}`);
  await execute('redis-cli', ['--cluster', 'create', ...nodes, '--cluster-replicas', '0', '--cluster-yes']);
  const client = new Redis({ port: processes[0]!.port });
  while (!String(await client.cluster('INFO')).includes('cluster_state:ok'))
    await new Promise((resolve) => setTimeout(resolve, 50));
  client.disconnect();
  return { nodes, stop: async () => void (await Promise.all(processes.map((each) => each.stop()))) };
}
