/** The operators' console in a real browser, against a running Troupe with a real engine. */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import t from 'tap';
import { testImage } from '../cli/engine/command-site.ts';
import { ensureDocker } from '../support/docker.ts';
import { seriousFindings } from './axe.ts';
import { box, createConsoleScene, lit } from './scene.ts';

t.setTimeout(600_000);
const docker = await ensureDocker();
const scene = await createConsoleScene(t);
const sleeping = ['sh', '-c', 'trap exit TERM; while :; do sleep 1; done'];

const engineContainer = (uuid: string) => docker.getContainer(`troupe-${uuid}`);
const history = async (uuid: string) =>
  (
    await scene.call<{ history: readonly { revision: number; to: string[] }[] }>(
      'GET',
      `/v1/containers/${uuid}/history?limit=1000`,
    )
  ).json.history;
const now = (page: Page) => page.locator('[data-now]');

t.test('logging in: a wrong token is told, the right one stays in the tab', async (t) => {
  const page = await scene.open('#/', { token: null });
  await page.getByLabel('Token').fill('nonsense');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('alert').getByText('This token is not known').waitFor();
  await page.getByLabel('Token').fill(scene.adminToken);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.locator('[data-connection=live]').waitFor();
  await page.reload();
  await page.locator('[data-connection=live]').waitFor();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByLabel('Token').waitFor();
  t.equal(await page.evaluate('sessionStorage.length'), 0);
  await page.context().close();
});

t.test(
  'a container that is created appears, and its chart reaches running; killed outside, the page follows',
  async (t) => {
    const page = await scene.open();
    const uuid = await scene.create('web', sleeping, { restart_policy: { Name: 'always' } });
    await page.getByRole('cell', { name: 'web' }).getByRole('link').click();
    await lit(page, 'container.running').waitFor();
    await page.locator('.history .transitions').getByText('createContainer done').waitFor();
    t.match(await now(page).textContent(), /^running\.up$/);

    const container = engineContainer(uuid);
    // The page itself notes when it was seen to leave, so that a poll of ours does not count.
    await page.evaluate(`void (window.left = new Promise((resolve) => new MutationObserver((_, observer) => {
    if (document.querySelector('[data-now]').textContent.startsWith('running')) return;
    observer.disconnect();
    resolve(Date.now());
  }).observe(document.body, { subtree: true, childList: true, characterData: true })))`);
    const began = Date.now();
    await container.kill({ signal: 'SIGKILL' });
    const left = (await page.evaluate('window.left')) as number;
    t.comment(`seen ${left - began} ms after the kill was asked for`);
    await page.locator('.history .transitions').getByText('runtime.exited').first().waitFor();
    await lit(page, 'container.running').waitFor();
    t.ok((await history(uuid)).some(({ to }) => to.join() === 'backingOff'));
    await page.context().close();
  },
);

t.test('what is waited for is told in words, and its deadline counts down', async (t) => {
  const uuid = await scene.create('restless', ['sh', '-c', 'exit 3'], { restart_policy: { Name: 'always' } });
  const page = await scene.open(`#/container/${uuid}`);
  // Each pause is longer than the one before.
  const waiting = page.locator('.waiting li', {
    hasText: /restart \d+ by its restart policy "always"/,
  });
  await waiting.getByText(/\d s left/).waitFor();
  await waiting.locator('.countdown').waitFor();
  await lit(page, 'container.backingOff').waitFor();
  t.match(await page.locator('.now .why').textContent(), /it exited with 3; its restart policy is "always"/);
  await page.context().close();
});

t.test('what fails is at the top of the overview with its reason, and says what would help', async (t) => {
  await scene.create('broken', ['/no/such/program']);
  const page = await scene.open();
  const problem = page.locator('.problems a', { hasText: 'broken' });
  await problem.getByText('"/no/such/program" is not in the image').waitFor();
  await problem.click();
  await lit(page, 'container.error').waitFor();
  t.match(await page.locator('.now .why').textContent(), /"\/no\/such\/program" is not in the image/);
  await page.getByRole('button', { name: 'start', exact: true }).waitFor();
  await page.context().close();
});

t.test('its log is followed', async (t) => {
  const uuid = await scene.create('talker', [
    'sh',
    '-c',
    'n=0; while :; do n=$((n+1)); echo "line $n"; sleep 0.2; done',
  ]);
  const page = await scene.open(`#/container/${uuid}`);
  await lit(page, 'container.running').waitFor();
  await page.getByRole('button', { name: 'Log', exact: true }).click();
  const log = page.getByLabel('Log', { exact: true });
  await log.getByText(/line 1\nline 2\n[^]*line 9\n/).waitFor();
  await scene.call('POST', `/v1/containers/${uuid}/stop?timeout=0`);
  await page.getByText('It ended with the container’s run.').waitFor();
  await page.getByRole('button', { name: 'Close' }).click();
  t.equal(await log.count(), 0);
  await page.context().close();
});

t.test('time travel: the chart of any moment, by slider and by link', async (t) => {
  const { json } = await scene.call<{ uuid: string }>('GET', '/v1/containers/broken');
  const page = await scene.open(`#/container/${json.uuid}`);
  await lit(page, 'container.error').waitFor();
  const slider = page.getByRole('slider', { name: 'Moment' });
  await slider.focus();
  for (let presses = 0; presses < 20 && !(await lit(page, 'container.starting').isVisible()); presses += 1) {
    await page.keyboard.press('ArrowLeft');
    await page.locator('.travelling').waitFor();
  }
  await lit(page, 'container.starting.attempting').waitFor();
  t.equal(await lit(page, 'container.error').count(), 0);
  t.match(await page.locator('.now').textContent(), /Waited for.*start\.deadline/s);
  t.equal(await page.locator('.events').count(), 0, 'nothing can be sent to the past');
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  const cause = page.locator('.now').getByRole('link').first();
  t.match(await cause.getAttribute('href'), /^#\/host\/[^?]+\?at=\d+$/, 'what led to it is one step away');
  await cause.click();
  await page.locator('.travelling').waitFor();
  await page.locator('.now').getByText('host.claim').waitFor();
  await page.goBack();
  await lit(page, 'container.acquiring').waitFor();
  for (let steps = 0; steps < 20 && !(await lit(page, 'container.starting').isVisible()); steps += 1)
    await page.getByRole('button', { name: 'One step on' }).click();
  await lit(page, 'container.starting.attempting').waitFor();
  const link = page.url();
  t.match(link, /\?at=\d+$/);
  const other = await scene.open(link.slice(link.indexOf('#')));
  await lit(other, 'container.starting.attempting').waitFor();
  await other.getByRole('button', { name: 'Back to now' }).click();
  await lit(other, 'container.error').waitFor();
  await Promise.all([page.context().close(), other.context().close()]);
});

t.test('a journal is exported, and opened again without a server', async (t) => {
  const { json } = await scene.call<{ uuid: string }>('GET', '/v1/containers/broken');
  const page = await scene.open(`#/container/${json.uuid}`);
  await lit(page, 'container.error').waitFor();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export journal' }).click(),
  ]);
  const path = await download.path();
  const exported = JSON.parse(readFileSync(path, 'utf8')) as { history: unknown[] };
  t.same(exported.history, await history(json.uuid));
  const other = await scene.open('#/', { token: null });
  // How one may log in is asked first; from then on whatever it asked would be a complaint.
  await other.waitForLoadState('networkidle');
  await other.route('**/v1/**', (route) => route.abort());
  await other.getByLabel('Open a journal file').setInputFiles(path);
  await lit(other, 'container.error').waitFor();
  await other.getByRole('button', { name: 'One step back' }).click();
  await lit(other, 'container.starting').waitFor();
  await Promise.all([page.context().close(), other.context().close()]);
});

t.test(
  'an allowed event is sent after its consequences were told; a forbidden one is not offered, and refused',
  async (t) => {
    const member = scene.addMember('ann', 'blue');
    const body = {
      name: 'mine',
      image: 'troupe/busybox:local',
      command: sleeping,
    };
    const { json } = await scene.call<{ uuid: string }>('POST', '/v1/containers?run=true', body, member);
    const page = await scene.open(`#/container/${json.uuid}`, { token: member });
    await lit(page, 'container.running').waitFor();
    const events = page.locator('.events');
    const buttons = await events.getByRole('button').allTextContents();
    t.ok(buttons.includes('stop'));
    t.notOk(
      buttons.some((each) => each === 'start' || /force/.test(each)),
      `not offered: ${buttons.join(', ')}`,
    );
    const send = (event: object) => scene.call('POST', `/v1/containers/${json.uuid}/events`, event, member);
    t.equal((await send({ type: 'container.start' })).status, 409);
    t.equal((await send({ type: 'container.delete', mode: 'force', graceMs: 0 })).status, 403);

    await events.getByRole('button', { name: 'stop', exact: true }).click();
    const dialog = page.getByRole('dialog');
    t.match(
      await dialog.textContent(),
      /Sends container\.stop.*It goes to stopping\.attempting.*to stop it/s,
    );
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    t.match(await now(page).textContent(), /^running/, 'nothing was sent');
    await events.getByRole('button', { name: 'stop', exact: true }).click();
    await dialog.getByRole('button', { name: 'stop', exact: true }).click();
    await lit(page, 'container.stopped').waitFor();
    await events.getByRole('button', { name: 'start', exact: true }).waitFor();
    await events.getByRole('button', { name: 'delete (ifStopped)' }).click();
    await dialog.getByRole('button', { name: /delete/ }).click();
    await page.locator('.actor-head').getByText('ended').waitFor();
    await lit(page, 'container.deleted').waitFor();
    await page.context().close();
  },
);

t.test('another tenant sees nothing of it', async (t) => {
  const { json } = await scene.call<{ uuid: string }>('GET', '/v1/containers/web');
  const stranger = scene.addMember('bob', 'red');
  const page = await scene.open('#/', { token: stranger });
  await page.getByText('0 containers').waitFor();
  t.equal(await page.getByText('web').count(), 0);
  t.equal(await page.getByRole('heading', { name: 'Hosts' }).count(), 0, 'hosts are for admins');
  await page.goto(`${scene.url}/console#/container/${json.uuid}`);
  await page.getByRole('heading', { name: /There is no container/ }).waitFor();
  await page.goto(`${scene.url}/console#/tenant/admin`);
  await page.getByRole('heading', { name: /There is no tenant/ }).waitFor();
  await page.context().close();
});

t.test(
  'the server restarts under the page: it says that it is stale, resumes, and has missed nothing',
  async (t) => {
    const uuid = await scene.create('survivor', sleeping);
    const page = await scene.open(`#/container/${uuid}`);
    await lit(page, 'container.running').waitFor();
    const down = await scene.site.run('down');
    t.equal(down.code, 0, down.err);
    await page.locator('[data-connection=lost]').waitFor();
    t.equal(await box(page, 'container.running').count(), 1, 'what was told stays in sight');
    engineContainer(uuid).kill({ signal: 'SIGKILL' });
    const up = await scene.site.run('up', '--detach');
    t.equal(up.code, 0, up.err);
    await page.locator('[data-connection=live]').waitFor();
    await lit(page, 'container.stopped').waitFor();
    const records = await history(uuid);
    t.same(
      records.map(({ revision }) => revision),
      records.map((_, index) => index + 1),
    );
    await page.locator('.history .count').getByText(String(records.length), { exact: true }).waitFor();
    await page.context().close();
  },
);

t.test('10,000 containers: only what is in sight is drawn, and any is found', async (t) => {
  const page = await scene.open('#/', { token: null });
  const items = Array.from({ length: 10_000 }, (_, index) => ({
    kind: 'container',
    id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    project_id: `p${index % 50}`,
    name: `many-${index}`,
    host: `host-${index % 100}`,
    revision: 4,
    status: index % 100 === 0 ? 'Error' : 'Running',
    taskState: null,
    reason: index % 100 === 0 ? 'The disk is full' : null,
    statePaths: [index % 100 === 0 ? 'error' : 'running.up'],
    since: Date.now() - index * 1_000,
  }));
  let tell: (frame: object) => void = () => {};
  await page.routeWebSocket('**/v1/watch', (socket) => {
    tell = (frame) => socket.send(JSON.stringify(frame));
    socket.onMessage(() => {
      tell({ type: 'hello' });
      tell({ type: 'snapshot', items, position: 'p' });
    });
  });
  await page.getByLabel('Token').fill(scene.adminToken);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('10000 containers').waitFor();
  const rows = page.locator('.row-body .row');
  t.ok((await rows.count()) < 60, 'only what is in sight');
  await page.locator('.rows').focus();
  await page.keyboard.press('End');
  await page.getByRole('link', { name: 'many-9999' }).waitFor();
  await page.getByRole('searchbox').fill('many-7777');
  await page.getByText('1 of 10000 containers').waitFor();
  await page.getByRole('searchbox').fill('');
  await page.getByRole('button', { name: /Error 100/ }).click();
  await page.getByText('100 of 10000 containers').waitFor();

  // 200 changes a second for three seconds: what blocks the page is counted by the page itself.
  await page.evaluate(
    `window.long = []; new PerformanceObserver((list) => window.long.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: 'longtask' })`,
  );
  let sent = 0;
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      for (let count = 0; count < 10; count += 1, sent += 1) {
        const { statePaths, since, ...item } = items[(sent * 37) % items.length]!;
        tell({
          ...item,
          type: 'change',
          position: 'p',
          at: Date.now(),
          event: 'e',
          from: statePaths,
          to: ['stopped'],
          status: 'Stopped',
          ended: false,
          reason: String(since),
        });
      }
      if (sent >= 600) resolve(clearInterval(timer));
    }, 50);
  });
  await page.getByRole('button', { name: /Stopped 600/ }).waitFor();
  const long = (await page.evaluate('window.long')) as number[];
  t.comment(
    `600 changes in 3 s: ${long.length} long tasks, the longest ${Math.round(Math.max(0, ...long))} ms`,
  );
  await page.context().close();
});

t.test('axe finds nothing serious, in light and dark, on telephones and walls', async (t) => {
  const { json: web } = await scene.call<{ uuid: string }>('GET', '/v1/containers/web');
  const { json: hosts } = await scene.call<{ hosts: { uuid: string }[] }>('GET', '/v1/hosts');
  const views = [
    '#/',
    `#/container/${web.uuid}`,
    `#/container/${web.uuid}?at=2`,
    `#/host/${hosts.hosts[0]!.uuid}`,
    '#/tenant/admin',
    '#/chart/container',
  ];
  for (const [colorScheme, width, height] of [
    ['light', 1280, 800],
    ['dark', 360, 740],
    ['dark', 2560, 1440],
  ] as const) {
    const page = await scene.open('#/', { colorScheme, viewport: { width, height }, bypassCSP: true });
    for (const view of views) {
      await page.evaluate(`location.hash = ${JSON.stringify(view)}`);
      await page
        .locator(view === '#/' ? '.containers .row-body .row' : '.chart .state')
        .first()
        .waitFor();
      t.strictSame(await seriousFindings(page), [], `${view} ${colorScheme} ${width}`);
      const drawn = (await page.evaluate('document.documentElement.scrollWidth')) as number;
      t.ok(drawn <= width, `${view} is not wider than ${width}`);
    }
    await page.context().close();
  }
});

t.test('a capsule is on the overview, on its chart, and one step from its members', async (t) => {
  const page = await scene.open();
  const template = {
    kind: 'capsule',
    metadata: { name: 'pod' },
    spec: { containers: [{ image: testImage, name: 'web', command: sleeping }] },
  };
  const made = await scene.call<{ uuid: string }>('POST', '/v1/capsules', { template });
  t.equal(made.status, 202);
  await page
    .getByRole('region', { name: /^Capsules/ })
    .getByRole('link', { name: 'pod' })
    .click();
  await lit(page, 'capsule.active.up').waitFor();
  await page.getByRole('region', { name: 'Bound to' }).getByRole('link', { name: 'capsule-pod-web' }).click();
  await lit(page, 'container.running').waitFor();
  await page.getByRole('region', { name: 'Bound to' }).getByRole('link', { name: 'pod' }).waitFor();
  await scene.call('DELETE', `/v1/capsules/${made.json.uuid}`);
  await page.context().close();
});

t.test('the API’s own page, which asks nobody else', async (t) => {
  const page = await scene.open();
  const answer = await page.goto(`${scene.url}/docs`);
  t.match(answer?.headers(), { 'content-security-policy': /default-src 'none'/ });
  t.notMatch(answer?.headers()['content-security-policy'], /unsafe|https?:/);
  await page.locator('#operations-tag-Zun').click();
  await page.getByText('/v1/containers/{id}/get_archive', { exact: false }).first().click();
  await page.getByText('UUID or name').first().waitFor();
  t.strictSame(scene.complaints, []);
  await page.context().close();
});

t.test('the browser had nothing to complain of, and asked nobody else', async (t) => {
  t.strictSame(scene.complaints, []);
});
