/** Connections to Redis, single or Cluster, with our scripts on them. */
import { Cluster, Redis, type ChainableCommander } from 'ioredis';
import { TroupeError } from '../../errors/errors.ts';
import type { Cancel, Environment } from '../../model/environment.ts';
import { commitScript, fenceScript, introduceScript, openScript, settingScript } from './redis-scripts.ts';

export interface RedisConnectionOptions {
  readonly environment: Environment;
  readonly url: string;
  /** host:port of Cluster nodes; instead of `url`. */
  readonly nodes: readonly string[];
  readonly username: string | null;
  readonly password: string | null;
  /** PEM authority; TLS with it, for `nodes` as well. */
  readonly ca: string | null;
  /** A command without an answer in this time has an unknown outcome. Default 2,000. */
  readonly commandTimeoutMs?: number;
}

/** For the first connection. */
const readyMs = 10_000;

export type CommitReply = [cause: string, epoch: number, revision: number, position: number];

interface Scripts {
  troupeCommit(...args: (string | number)[]): Promise<CommitReply[]>;
  troupeOpen(key: string, id: string, least: number): Promise<[string, number]>;
  troupeFence(key: string, epoch: number): Promise<number>;
  troupeIntroduce(world: string, shards: string, epoch: number, shard: string): Promise<number>;
  troupeSetting(
    world: string,
    settings: string,
    names: string,
    epoch: number,
    ...nameAndValue: string[]
  ): Promise<number>;
}

export type RedisConnection = (Redis | Cluster) & Scripts;

export function connect(options: RedisConnectionOptions): RedisConnection {
  const { environment, url, nodes, username, password, ca } = options;
  const common = {
    commandTimeout: options.commandTimeoutMs ?? 2_000,
    connectTimeout: 5_000,
    // An unanswered command is an unknown outcome, which we settle ourselves: nothing is sent again behind our back.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password }),
    ...(ca === null ? {} : { tls: { ca } }),
  };
  const again = (times: number): number => Math.min(times * 50, 1_000);
  const address = (node: string) => ({
    host: node.slice(0, node.lastIndexOf(':')),
    port: Number(node.slice(node.lastIndexOf(':') + 1)),
  });
  const client =
    nodes.length > 0
      ? new Cluster(nodes.map(address), {
          lazyConnect: true,
          redisOptions: common,
          clusterRetryStrategy: again,
        })
      : new Redis(url, { ...common, lazyConnect: true, enableOfflineQueue: false, retryStrategy: again });
  client.defineCommand('troupeCommit', { lua: commitScript, numberOfKeys: 1 });
  client.defineCommand('troupeOpen', { lua: openScript, numberOfKeys: 1 });
  client.defineCommand('troupeFence', { lua: fenceScript, numberOfKeys: 1 });
  client.defineCommand('troupeIntroduce', { lua: introduceScript, numberOfKeys: 2 });
  client.defineCommand('troupeSetting', { lua: settingScript, numberOfKeys: 3 });
  client.on('error', (error: Error) => environment.log.warn({ reason: error.message }, 'Redis connection'));
  return client as RedisConnection;
}

/** Connects, unless it is connected or connecting already. Rejects with what Redis said, not with that it hung up. */
export async function ready(client: Redis | Cluster, environment: Environment): Promise<void> {
  if (client.status === 'ready') return;
  let said: Error | null = null;
  const hear = (error: Error & { readonly lastNodeError?: Error }): void => {
    said = error.lastNodeError ?? error;
  };
  client.on('error', hear);
  let cancel: Cancel = () => {};
  try {
    await new Promise<void>((resolve, reject) => {
      // A Cluster that knows no node that can be reached looks for one for ever.
      cancel = environment.schedule(readyMs, () => reject(new Error('no node that serves could be found')));
      client.once('ready', resolve);
      client.once('end', () => reject(new Error('the connection has ended')));
      if (client.status === 'wait' || client.status === 'end' || client.status === 'close')
        client.connect().then(resolve, reject);
    });
  } catch (error) {
    throw said ?? error;
  } finally {
    cancel();
    client.off('error', hear);
  }
}

/** Every reader's error is the same to its caller: the store can't be asked now. */
export async function ask<T>(question: Promise<T>): Promise<T> {
  try {
    return await question;
  } catch (error) {
    throw new TroupeError('STORE_UNAVAILABLE', `Redis does not answer: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** The replies of a pipeline or transaction, in order. @throws TroupeError STORE_UNAVAILABLE */
export async function run(pipeline: ChainableCommander): Promise<unknown[]> {
  const replies = await ask(pipeline.exec());
  return (replies ?? []).map(([error, reply]) => {
    if (error)
      throw new TroupeError('STORE_UNAVAILABLE', `Redis refused: ${error.message}`, { cause: error });
    return reply;
  });
}
