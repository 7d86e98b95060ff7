/** A Troupe whose users are those of the real Keystone: bootstrapped, started by `bin/troupe`, and gone when the test ends. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { createCommandSite, type CommandSite, type Ended } from '../cli/engine/command-site.ts';
import type { Cloud } from './cloud.ts';

export interface KeystoneSite {
  readonly site: CommandSite;
  readonly url: string;
  /** Of its endpoints; no other test's site is in it. */
  readonly region: string;
  readonly user: string;
  /** `troupe keystone bootstrap` as the cloud's admin. */
  bootstrap(...argv: readonly string[]): Promise<Ended>;
  /** Where its own credentials lead from the next start on. */
  leadTo(authUrl: string): void;
  call(method: string, path: string, token: string | null, options?: CallOptions): Promise<Answer>;
  /** All that it has logged. */
  log(): string;
}

interface CallOptions {
  readonly body?: unknown;
  readonly serviceToken?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

/** Not started yet. @param settings of section `auth` beside the kind, @param more of other sections */
export async function createKeystoneSite(
  t: Pick<Test, 'teardown'>,
  cloud: Cloud,
  settings: object = {},
  more: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {},
): Promise<KeystoneSite> {
  const mark = randomBytes(4).toString('hex');
  const [region, user] = [`region-${mark}`, `troupe-${mark}`];
  const site = await createCommandSite(t, {
    ...more,
    auth: { kind: 'keystone', recheckMs: 1_000, timeoutMs: 2_000, ...settings },
  });
  t.teardown(() => cloud.forget(region, user));
  const url = `http://127.0.0.1:${site.port}`;
  const state = join(site.directory, 'state');
  return {
    site,
    url,
    region,
    user,
    bootstrap: (...argv) =>
      site.runWith(
        cloud.adminVariables,
        'keystone',
        'bootstrap',
        '--region',
        region,
        '--user',
        user,
        ...argv,
      ),
    leadTo(authUrl) {
      const path = join(state, 'clouds.yaml');
      writeFileSync(path, readFileSync(path, 'utf8').replace(/auth_url: .*/, `auth_url: ${authUrl}`));
    },
    async call(method, path, token, { body, serviceToken, headers = {} } = {}) {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          'openstack-api-version': 'container latest',
          ...(token === null ? {} : { 'x-auth-token': token }),
          ...(serviceToken === undefined ? {} : { 'x-service-token': serviceToken }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, text, json: parsed(text) };
    },
    log: () => readFileSync(join(state, 'troupe.log'), 'utf8'),
  };
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** @throws Error with what it said when it did not start */
export async function start({ site }: KeystoneSite, ...argv: readonly string[]): Promise<void> {
  const { code, err } = await site.run('up', '--detach', ...argv);
  if (code !== 0) throw new Error(`troupe up failed: ${err}`);
}
