/** What would happen, what led to what, and what is used: in a real browser, against a running Troupe with a real engine. */
import t from 'tap';
import { seriousFindings } from './axe.ts';
import { createConsoleScene, lit } from './scene.ts';

t.setTimeout(600_000);
const scene = await createConsoleScene(t);
const sleeping = ['sh', '-c', 'trap exit TERM; while :; do sleep 1; done'];
const web = await scene.create('web', sleeping, { memory: 64 });
const { json } = await scene.call<{ hosts: { uuid: string; hostname: string }[] }>('GET', '/v1/hosts');
const [host] = json.hosts;

const askOf = (trials: readonly object[]): string =>
  `#/what-if?${new URLSearchParams({ ask: JSON.stringify(trials) }).toString()}`;
const stop = { kind: 'container', id: web, event: { type: 'container.stop', graceMs: 10_000 } };

t.test('from a button: what it would do, to whom, and nothing is sent', async (t) => {
  const page = await scene.open(`#/container/${web}`);
  await lit(page, 'container.running').waitFor();
  await page.locator('.events').getByRole('button', { name: 'delete (stop)' }).click();
  await page.getByRole('dialog').getByRole('link', { name: 'What would this do?' }).click();
  const then = page.locator('.outcomes li');
  const container = then.filter({ hasText: 'container web' });
  await container.getByText('ended').waitFor();
  t.match(await container.textContent(), /Running.*ended.*deleted/s);
  const steps = page.locator('.steps li');
  t.match(await steps.first().textContent(), /what if.*web.*container\.delete.*removing\.stopping/s);
  await steps.filter({ hasText: 'tenant.release' }).waitFor();
  await steps.filter({ hasText: 'host.release' }).waitFor();
  t.equal(await page.getByRole('dialog').count(), 0);
  const { json: still } = await scene.call<{ status: string }>('GET', `/v1/containers/${web}`);
  t.equal(still.status, 'Running');
  await page.getByLabel('what is set off goes well').uncheck();
  await container.getByText(/would wait for the container engine/).waitFor();
  t.equal(await steps.count(), 1);
  await page.context().close();
});

t.test('a list of events: put together by name, each on what the one before left', async () => {
  const page = await scene.open(askOf([stop]));
  await page.locator('.outcomes li', { hasText: 'Stopped' }).waitFor();
  await page.getByPlaceholder('container or host, by name').fill('container web');
  await page.getByRole('button', { name: 'start', exact: true }).click();
  await page.getByRole('heading', { name: '2 events, one after the other' }).waitFor();
  await page.locator('.steps li', { hasText: 'container.start' }).waitFor();
  await page.getByPlaceholder('container or host, by name').fill(`host ${host!.hostname}`);
  await page.getByRole('button', { name: 'drain', exact: true }).click();
  await page.locator('.outcomes li', { hasText: '1 container is still there' }).waitFor();
  await page.getByRole('button', { name: /Leave out: host/ }).click();
  await page.locator('.steps li', { hasText: 'host.drain' }).waitFor({ state: 'detached' });
  const link = page.url();
  const other = await scene.open(link.slice(link.indexOf('#')));
  await other.locator('.steps li', { hasText: 'container.start' }).waitFor();
  await Promise.all([page.context().close(), other.context().close()]);
});

t.test('the loss of a host, tried out from its page', async (t) => {
  const page = await scene.open(`#/host/${host!.uuid}`);
  await page.locator('.bound', { hasText: 'Placed here' }).getByRole('link', { name: 'web' }).waitFor();
  await page.getByRole('link', { name: 'If it were lost' }).click();
  await page.locator('.outcomes li', { hasText: 'container web' }).getByText('Unknown').waitFor();
  t.match(
    await page.locator('.steps li', { hasText: 'host.lost' }).first().textContent(),
    /web.*host\.lost.*lost/s,
  );
  const { json: still } = await scene.call<{ state: string }>('GET', `/v1/hosts/${host!.uuid}`);
  t.equal(still.state, 'online');
  await page.context().close();
});

t.test('who is no admin tries out the own, and sees no host in it', async (t) => {
  const page = await scene.open(askOf([stop]), { token: scene.addMember('eve', 'green') });
  await page
    .getByRole('alert')
    .getByText(/could not be found/)
    .waitFor();
  t.equal(await page.locator('.outcomes').count(), 0);
  await page.context().close();
});

t.test('what led to what: from a container’s end to what began it, with a link to each moment', async (t) => {
  const doomed = await scene.create('doomed', ['/no/such/program']);
  const page = await scene.open(`#/container/${doomed}`);
  await lit(page, 'container.error').waitFor();
  await page.getByRole('link', { name: 'What led here' }).click();
  const steps = page.locator('.steps li');
  const end = page.locator('.steps li[aria-current]');
  await end.getByText(/failed/).waitFor();
  t.match(await end.textContent(), /doomed.*startContainer failed.*→ error/s);
  t.match(await page.locator('.facts').textContent(), /asked by admin.*req-/s);
  const all = await steps.count();
  await page.getByRole('button', { name: /^only the way here/ }).click();
  t.ok((await steps.count()) < all);
  t.match(await steps.last().textContent(), /doomed.*→ error/s);
  await page.getByRole('button', { name: /^only the way here/ }).click();
  await steps.filter({ hasText: 'host.claim' }).first().getByRole('link').click();
  await page.locator('.travelling').waitFor();
  await page.locator('.now').getByText('host.claim').waitFor();
  t.match(page.url(), /#\/host\/[^?]+\?at=\d+$/, 'the moment itself');
  const request = page.locator('.now').getByRole('link', { name: /^req-/ });
  await request.click();
  await steps.filter({ hasText: 'doomed' }).first().waitFor();
  t.match(page.url(), /#\/incident\?request=req-/, 'and by the request');
  await page.context().close();
});

t.test('sandboxes, networks and pools have pages of their own, one link away', async (t) => {
  const page = await scene.open(`#/container/${web}`);
  const bound = page.locator('.bound', { hasText: 'Bound to' });
  await bound.getByText('sandbox').waitFor();
  await bound.locator('li', { hasText: 'sandbox' }).getByRole('link').click();
  await lit(page, 'sandbox.claimed').waitFor();
  await page.locator('.bound').getByRole('link', { name: 'web' }).waitFor();
  await page.locator('.bound li', { hasText: 'pool' }).getByRole('link').click();
  await page.getByRole('heading', { name: /^pool/ }).waitFor();
  await page.locator('.chart .active').first().waitFor();
  await page.locator('.bound li', { hasText: 'network' }).getByRole('link').click();
  await lit(page, 'network.active').waitFor();
  t.match(await page.locator('.actor-head').textContent(), /network default/);
  await page.context().close();
});

t.test('what a container uses is drawn while it runs, and asked for no more once it is closed', async (t) => {
  const busy = await scene.create('busy', ['sh', '-c', 'while :; do :; done'], { cpu: 0.5 });
  const page = await scene.open(`#/container/${busy}`);
  await lit(page, 'container.running').waitFor();
  let asked = 0;
  page.on('request', (request) => (asked += request.url().endsWith('/stats') ? 1 : 0));
  await page.getByRole('button', { name: 'Uses' }).click();
  const cpu = page.locator('.plot', { hasText: 'CPU' });
  await cpu.locator('path[d*="L"]').waitFor();
  const told = (await cpu.getByRole('img').getAttribute('aria-label')) ?? '';
  const used = Number(/CPU: ([\d.]+) CPUs/.exec(told)?.[1]);
  t.ok(used > 0 && used < 1, `a share of its half a CPU: ${told}`);
  t.match(await page.locator('.plot', { hasText: 'Memory' }).textContent(), /[\d.]+ [KM]iB/);
  await page.locator('.stats').getByRole('button', { name: 'Close' }).click();
  await page.locator('.stats').waitFor({ state: 'detached' });
  const before = asked;
  // Another view is asked for and shown meanwhile: nothing of this one is.
  await page.goto(`${scene.url}/console#/container/${web}`);
  await lit(page, 'container.running').waitFor();
  t.equal(asked, before);
  await page.goto(`${scene.url}/console#/container/${busy}?stats=follow`);
  await cpu.waitFor();
  await scene.call('POST', `/v1/containers/${busy}/stop?timeout=0`);
  await page
    .locator('.stats')
    .getByText(/Cannot stats container/)
    .waitFor();
  await page.context().close();
});

t.test('axe finds nothing serious, in light and dark, on telephones and walls', async (t) => {
  const views = [
    [askOf([stop]), '.outcomes li'],
    [`#/incident/container/${web}`, '.steps li'],
    [`#/container/${web}?stats=follow`, '.plot path[d^="M"]'],
    [`#/host/${host!.uuid}`, '.bound li'],
  ] as const;
  for (const [colorScheme, width, height] of [
    ['light', 1280, 800],
    ['dark', 360, 740],
    ['dark', 2560, 1440],
  ] as const) {
    const page = await scene.open('#/', { colorScheme, viewport: { width, height }, bypassCSP: true });
    for (const [view, ready] of views) {
      await page.evaluate(`location.hash = ${JSON.stringify(view)}`);
      await page.locator(ready).first().waitFor({ state: 'attached' });
      t.strictSame(await seriousFindings(page), [], `${view} ${colorScheme} ${width}`);
      const drawn = (await page.evaluate('document.documentElement.scrollWidth')) as number;
      t.ok(drawn <= width, `${view} is not wider than ${width}: ${drawn}`);
    }
    await page.context().close();
  }
});

t.test('the browser had nothing to complain of, and asked nobody else', async (t) => {
  t.strictSame(scene.complaints, []);
});
