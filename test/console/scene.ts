/** A running Troupe with a real engine, and a real browser that looks at its console. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type BrowserContextOptions, type Page } from 'playwright-core';
import type { Test } from 'tap';
import { tokenHash } from '../../src/api/auth/static-tokens.ts';
import { createCommandSite, testImage, type CommandSite } from '../cli/engine/command-site.ts';

export interface OpenOptions extends BrowserContextOptions {
  /** Null = none is kept yet. Default: the admin's. */
  readonly token?: string | null;
}

export interface ConsoleScene {
  readonly site: CommandSite;
  readonly url: string;
  readonly adminToken: string;
  /** Of a member of a project, as an operator would add it. */
  addMember(userId: string, project: string): string;
  /** A page of its own, logged in, at a view such as `#/container/…`. */
  open(view?: string, options?: OpenOptions): Promise<Page>;
  /** Anything the browser complained of, or asked of somebody else. */
  readonly complaints: readonly string[];
  /** Accepted, and not waited for. */
  create(name: string, command: readonly string[], more?: object): Promise<string>;
  call<T>(method: string, path: string, body?: unknown, token?: string): Promise<{ status: number; json: T }>;
}

/** Debian's; its sandbox does not work for root. */
const browserOptions = { executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] };

export async function createConsoleScene(
  t: Test,
  settings: Parameters<typeof createCommandSite>[1] = {},
): Promise<ConsoleScene> {
  const site = await createCommandSite(t, settings);
  const up = await site.run('up', '--detach');
  if (up.code !== 0) throw new Error(`troupe up failed: ${up.err}`);
  const url = `http://127.0.0.1:${site.port}`;
  const state = join(site.directory, 'state');
  const adminToken = readFileSync(join(state, 'admin.token'), 'utf8').trim();
  const browser = await chromium.launch(browserOptions);
  const complaints: string[] = [];
  const created: string[] = [];

  const scene: ConsoleScene = {
    site,
    url,
    adminToken,
    complaints,
    addMember(userId, project) {
      const path = join(state, 'tokens.json');
      const { tokens } = JSON.parse(readFileSync(path, 'utf8')) as { tokens: object[] };
      const token = `token-of-${userId}`;
      const names = { userId, userName: userId, projectId: project, projectName: project };
      writeFileSync(
        path,
        JSON.stringify({ tokens: [...tokens, { ...names, sha256: tokenHash(token), roles: ['member'] }] }),
      );
      return token;
    },
    async open(view = '#/', { token = adminToken, ...options } = {}) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
      const page = await context.newPage();
      page.setDefaultTimeout(60_000);
      page.on('pageerror', (error) => complaints.push(`${view}: ${error.message}`));
      page.on('console', (message) => {
        // A server that is away, and what is not to be seen, are told as errors, too.
        if (
          message.type() === 'error' &&
          !/ERR_CONNECTION_(REFUSED|RESET|CLOSED)|ERR_EMPTY_RESPONSE|status of 4\d\d|WebSocket/.test(
            message.text(),
          )
        )
          complaints.push(`${view}: ${message.text()} (${message.location().url})`);
      });
      page.on('request', (request) => {
        if (!request.url().startsWith(url) && !/^(blob|data):/.test(request.url()))
          complaints.push(`${view}: asked ${request.url()}`);
      });
      if (token !== null) await context.addInitScript(`sessionStorage.setItem('troupe.token', '${token}')`);
      await page.goto(`${url}/console${view}`);
      if (token !== null) await page.locator('[data-connection=live]').waitFor();
      return page;
    },
    async create(name, command, more = {}) {
      const body = { name, image: testImage, image_pull_policy: 'never', command, ...more };
      const { status, json } = await scene.call<{ uuid: string }>('POST', '/v1/containers?run=true', body);
      if (status !== 202) throw new Error(`${name} was not created: ${JSON.stringify(json)}`);
      created.push(json.uuid);
      return json.uuid;
    },
    async call<T>(method: string, path: string, body?: unknown, token = adminToken) {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          'x-auth-token': token,
          'openstack-api-version': 'container latest',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, json: (await response.json().catch(() => null)) as T };
    },
  };
  t.teardown(async () => {
    await browser.close();
    if (created.length > 0) await site.run('rm', '--force', '--wait', ...created);
  });
  return scene;
}

/** The chart's box of a state. */
export const box = (page: Page, state: string) => page.locator(`.chart [data-state="${state}"]`);
/** The same, while it is lit. */
export const lit = (page: Page, state: string) => page.locator(`.chart .active[data-state="${state}"]`);
