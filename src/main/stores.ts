/** Stores from configuration. */
import { readFileSync } from 'node:fs';
import { createEmbeddedStore } from '../actors/stores/embedded.ts';
import { createRedisStore } from '../actors/stores/redis.ts';
import type { Store } from '../actors/stores/store.ts';
import type { Config } from '../config/schema.ts';
import type { Environment } from '../model/environment.ts';
import { paths, retentionOf } from './settings.ts';

export function storeOf(config: Config, environment: Environment): Store {
  const { store } = config;
  const retention = retentionOf(config);
  if (store.kind === 'embedded')
    return createEmbeddedStore({ directory: paths(config).store, environment, retention });
  const password =
    store.redisPasswordFile === ''
      ? store.redisPassword
      : readFileSync(store.redisPasswordFile, 'utf8').trim();
  return createRedisStore({
    environment,
    retention,
    url: store.redisUrl,
    nodes: store.redisNodes,
    username: store.redisUsername === '' ? null : store.redisUsername,
    password: password === '' ? null : password,
    ca: store.redisCaFile === '' ? null : readFileSync(store.redisCaFile, 'utf8'),
    prefix: store.redisPrefix,
  });
}
