/** Logging in to the console by name, in a real browser, with the real Keystone. */
import { chromium, type Page } from 'playwright-core';
import t from 'tap';
import { createCloud } from './cloud.ts';
import { createKeystoneSite, start } from './keystone-site.ts';
import { createSecondKeystone } from './second-keystone.ts';

t.setTimeout(180_000);
const cloud = await createCloud(t);
/** The console's tokens end soon, so that a test can wait for it. */
const brief = await createSecondKeystone(t, 15);
const keystone = await createKeystoneSite(t, cloud, { loginsMost: 12 });
const bootstrapped = await keystone.bootstrap();
if (bootstrapped.code !== 0) throw new Error(bootstrapped.err);
keystone.leadTo(brief.authUrl);
await brief.start();
await start(keystone, '--control-plane-only');
const [blue, green] = [await cloud.project('blue'), await cloud.project('green')];
const [mia, max, nora] = [await cloud.person('mia'), await cloud.person('max'), await cloud.person('nora')];
await cloud.grant(mia, blue, 'member');
await cloud.grant(max, blue, 'member');
await cloud.grant(max, green, 'reader');

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
t.teardown(() => browser.close());
const complaints: string[] = [];
async function open(view = '#/'): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(20_000);
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(keystone.url) && !request.url().startsWith('blob:'))
      complaints.push(`asked ${request.url()}`);
  });
  await page.goto(`${keystone.url}/console${view}`);
  return page;
}
async function logIn(page: Page, user: string, password: string): Promise<void> {
  await page.getByLabel('User').fill(user);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
}
const isLive = (page: Page): Promise<void> => page.locator('[data-connection=live]').waitFor();

t.test(
  'a wrong password is told; the right one leads to the only project, and is nowhere afterwards',
  async (t) => {
    const page = await open();
    await logIn(page, mia.name, 'wrong');
    await page
      .getByRole('alert')
      .getByText('Keystone knows no such user with that password in that domain')
      .waitFor();
    await page.getByLabel('Domain').fill('Nowhere');
    await logIn(page, mia.name, mia.password);
    await page.getByRole('alert').getByText('Keystone knows no such user').waitFor();
    await page.getByLabel('Domain').fill('Default');
    await logIn(page, mia.name, mia.password);
    await isLive(page);
    t.match(await page.locator('.who').textContent(), new RegExp(`${mia.name}.*${blue.name}`));
    const kept = (await page.evaluate(
      'JSON.stringify([{ ...sessionStorage }, { ...localStorage }])',
    )) as string;
    t.notOk(kept.includes(mia.password));
    t.notOk(keystone.log().includes(mia.password), 'nor in the log');
    await page.context().close();
  },
);

t.test('of several projects one is chosen, and roles count there', async (t) => {
  const page = await open();
  await logIn(page, max.name, max.password);
  await page.getByText('Several projects are yours').waitFor();
  await page.getByRole('button', { name: green.name }).click();
  await isLive(page);
  t.match(await page.locator('.who').textContent(), new RegExp(green.name));
  await page.context().close();
  const named = await open();
  await named.getByLabel('Project').fill(blue.name);
  await logIn(named, max.name, max.password);
  await isLive(named);
  t.match(await named.locator('.who').textContent(), new RegExp(blue.name));
  await named.context().close();
});

t.test('a user without a project is told so; a token is taken as before', async () => {
  const page = await open();
  await logIn(page, nora.name, nora.password);
  await page.getByRole('alert').getByText('has a role in no project').waitFor();
  await page.getByRole('button', { name: 'Log in with a token instead' }).click();
  await page.getByLabel('Token').fill(await cloud.token(mia, blue));
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
  await isLive(page);
  await page.context().close();
});

t.test(
  'a token that ends under an open page leads to the login, and from there back to the same view',
  async (t) => {
    const view = '#/chart/container';
    const page = await open(view);
    await logIn(page, mia.name, mia.password);
    await isLive(page);
    await page.getByRole('alert').getByText('Your token has expired').waitFor({ timeout: 60_000 });
    t.equal(await page.getByLabel('User').inputValue(), mia.name);
    await page.getByLabel('Password').fill(mia.password);
    await page.getByRole('button', { name: 'Log in', exact: true }).click();
    await isLive(page);
    t.equal(new URL(page.url()).hash, view);
    await page.locator('.chart [data-state="container.running"]').waitFor();
    await page.context().close();
  },
);

t.test('too many logins from one address are told so', async (t) => {
  const body = { user: mia.name, password: 'wrong' };
  let answer = await keystone.call('POST', '/v1/login', null, { body });
  for (let tries = 0; tries < 12 && answer.status === 401; tries += 1)
    answer = await keystone.call('POST', '/v1/login', null, { body });
  t.equal(answer.status, 429);
  t.match(answer.text, /Too many logins from here; try again in/);
  t.match(answer.headers.get('retry-after'), /^\d+$/);
});

t.test('the browser complained of nothing, and asked nobody else', async (t) => t.same(complaints, []));
