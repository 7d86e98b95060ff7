/** Takes the pictures of `docs/images/` from a running Troupe with a real engine: `npm run screenshots`. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import t from 'tap';
import { projectFolder } from '../support/project.ts';
import { createConsoleScene, lit } from './scene.ts';

t.setTimeout(600_000);
const folder = join(projectFolder(), 'docs', 'images');
/** Beside the build. */
const looked = join(projectFolder(), 'dist', 'screenshots');
const scene = await createConsoleScene(t);
const sleeping = ['sh', '-c', 'trap exit TERM; while :; do sleep 1; done'];

interface View {
  readonly name: string;
  readonly view: string;
  /** In sight once there is something to see. */
  readonly ready: string;
  /** What is done then. */
  readonly use?: (page: Page) => Promise<unknown>;
}

/** A shell, with something in it. */
async function typeInto(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  const rows = page.locator('.terminal-frame .xterm-rows');
  await rows.getByText('/ #').first().waitFor();
  await page.keyboard.type('ls --color=always / && ps && df -h / | tail -1');
  await page.keyboard.press('Enter');
  await rows.getByText('%').last().waitFor();
}

t.test('pictures', async () => {
  for (const each of [folder, looked]) mkdirSync(each, { recursive: true });
  const web = await scene.create('web-1', sleeping, { memory: 256, cpu: 0.25 });
  for (const name of ['web-2', 'web-3', 'queue', 'metrics'])
    await scene.create(name, sleeping, { memory: 128, cpu: 0.1 });
  await scene.create('nightly-batch', ['true']);
  const broken = await scene.create('payments', ['/srv/payments']);
  const restless = await scene.create('restless', ['sh', '-c', 'exit 3'], {
    restart_policy: { Name: 'always' },
  });
  const { json } = await scene.call<{ hosts: { uuid: string }[] }>('GET', '/v1/hosts');
  const host = json.hosts[0]!.uuid;
  const views: readonly View[] = [
    { name: 'overview', view: '#/', ready: '.problems a' },
    {
      name: 'container',
      view: `#/container/${restless}`,
      ready: '.chart .active[data-state="container.backingOff"]',
    },
    { name: 'time-travel', view: `#/container/${broken}?at=3`, ready: '.travelling' },
    { name: 'chart', view: '#/chart/container', ready: '.chart circle.badge' },
    { name: 'uses', view: `#/container/${web}?stats=follow`, ready: '.plot path[d*="L"]' },
    { name: 'terminal-begins', view: `#/container/${web}?terminal=open`, ready: '.beginnings' },
    { name: 'terminal', view: `#/container/${web}?terminal=open`, ready: '.beginnings', use: typeInto },
    { name: 'host', view: `#/host/${host}`, ready: '.bound li' },
    { name: 'incident', view: `#/incident/container/${broken}`, ready: '.steps li' },
    {
      name: 'what-if',
      view: `#/what-if?${new URLSearchParams({
        ask: JSON.stringify([
          { kind: 'host', id: host, event: { type: 'host.drain' } },
          { kind: 'container', id: web, event: { type: 'container.delete', mode: 'stop', graceMs: 10_000 } },
        ]),
      }).toString()}`,
      ready: '.outcomes li',
    },
    {
      name: 'loss',
      view: `#/what-if?${new URLSearchParams({
        ask: JSON.stringify([{ kind: 'host', id: host, event: { type: 'link.closed' } }]),
        deadlines: 'pass',
      }).toString()}`,
      ready: '.outcomes li',
    },
  ];
  /** Taken for `docs/`; the others are looked at only. */
  const shown = new Set(['overview', 'container', 'time-travel', 'chart', 'what-if', 'incident', 'terminal']);
  const first = await scene.open(`#/container/${web}`);
  await lit(first, 'container.running').waitFor();
  for (const [colorScheme, width, height] of (['light', 'dark'] as const).flatMap((scheme) => [
    [scheme, 1440, 900] as const,
    [scheme, 2560, 1440] as const,
    [scheme, 360, 740] as const,
  ])) {
    for (const { name, view, ready, use } of views) {
      // The README shows some; the others are to be looked at by who changes something, and are not kept.
      const isKept = width === 1440 && colorScheme === 'light' && shown.has(name);
      const page = await scene.open(view, {
        colorScheme,
        viewport: { width, height },
        hasTouch: width < 400,
      });
      await page.locator(ready).first().waitFor();
      const isChart = /^#\/(container|host|chart)/.test(view);
      await page
        .locator(view === '#/' ? '.row-body .row' : isChart ? '.chart .state' : '#main')
        .first()
        .waitFor();
      await use?.(page);
      const path = join(
        isKept ? folder : looked,
        `console-${name}${isKept ? '' : `-${width}-${colorScheme}`}.png`,
      );
      await page.screenshot({ path, animations: 'disabled' });
      await page.context().close();
    }
  }
});
