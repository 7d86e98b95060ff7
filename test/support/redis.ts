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
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function startRedis(
  settings: readonly string[] = [],
  password: string | null = null,
  port?: number,
): Promise<RedisProcess> {
  const directory = await mkdtemp(join(tmpdir(), 'troupe-redis-'));
  const chosen = port ?? (await freePort());
  const child = spawn(
    'redis-server',
    ['--port', String(chosen), '--bind', '127.0.0.1', '--dir', directory, '--save', '', '--appendonly', 'yes', '--appendfsync', 'always',
      ...(password === null ? [] : ['--requirepass', password]), ...settings], // prettier-ignore
    { stdio: 'ignore' },
  );
  const client = new Redis({
    port: chosen,
    host: '127.0.0.1',
    ...(password === null ? {} : { password }),
    lazyConnect: true,
    retryStrategy: () => 20,
  });
  client.on('error', () => {});
  await new Promise<void>((resolve, reject) => {
    client.once('ready', resolve);
    child.once('exit', (code) => reject(new Error(`redis-server exited with ${code}`)));
    client.connect().catch(() => {});
  });
  client.disconnect();
  return {
    port: chosen,
    url: `redis://127.0.0.1:${chosen}`,
    process: child,
    async stop() {
      if (child.exitCode === null) {
        const gone = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGKILL');
        await gone;
      }
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Three masters, all slots served. */
export async function startRedisCluster(): Promise<{
  readonly nodes: readonly string[];
  stop(): Promise<void>;
}> {
  const processes = await Promise.all(
    [1, 2, 3].map(async () => {
      let port = await freePort();
      // The bus takes the port 10,000 above.
      while (port > 55_000) port = await freePort();
      return startRedis(['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'], null, port);
    }),
  );
  const nodes = processes.map(({ port }) => `127.0.0.1:${port}`);
  await execute('redis-cli', ['--cluster', 'create', ...nodes, '--cluster-replicas', '0', '--cluster-yes']);
  const client = new Redis({ port: processes[0]!.port });
  while (!String(await client.cluster('INFO')).includes('cluster_state:ok'))
    await new Promise((resolve) => setTimeout(resolve, 50));
  client.disconnect();
  return { nodes, stop: async () => void (await Promise.all(processes.map((each) => each.stop()))) };
}
