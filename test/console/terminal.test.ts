/** A terminal in the console: in a real browser, against a running Troupe with a real engine. */
import type { Page } from 'playwright-core';
import t from 'tap';
import { until } from '../api/until.ts';
import { seriousFindings } from './axe.ts';
import { createConsoleScene, lit } from './scene.ts';

t.setTimeout(600_000);
const scene = await createConsoleScene(t);
const sleeping = ['sh', '-c', 'trap exit TERM; while :; do sleep 1; done'];
const web = await scene.create('web', sleeping);

const view = (uuid: string): string => `#/container/${uuid}?terminal=open`;
const frame = (page: Page) => page.locator('.terminal-frame');
const rows = (page: Page) => page.locator('.terminal-frame .xterm-rows');
const said = (page: Page, text: RegExp | string) => page.locator('.terminal').getByText(text);
/** What is typed is typed by keys, where the focus is. */
const enter = async (page: Page, line: string): Promise<void> => {
  await page.keyboard.type(line);
  await page.keyboard.press('Enter');
};
/** A prompt, and the keys go there. What an earlier one has left is there till it is open. */
const start = async (page: Page): Promise<void> => {
  await page.getByRole('button', { name: /^Start/ }).click();
  await page
    .locator('.terminal')
    .getByRole('status')
    .filter({ hasText: /^at .*sh/ })
    .waitFor();
  await rows(page).getByText('/ #').first().waitFor();
};
const isEntered = (page: Page) =>
  page.evaluate(`document.activeElement.matches('.xterm-helper-textarea')`) as Promise<boolean>;
const sizeShown = async (page: Page): Promise<number> => rows(page).locator('> div').count();

t.test('exec in the terminal: from the first prompt to its exit code', async (t) => {
  const page = await scene.open(`#/container/${web}`);
  await lit(page, 'container.running').waitFor();
  await page.getByRole('button', { name: 'Terminal', exact: true }).click();
  await start(page);
  await enter(page, 'echo "ünïcode $((20 + 22))"');
  await rows(page).getByText('ünïcode 42').waitFor();
  await enter(page, String.raw`printf '\033[38;2;1;99;2mtrue\033[0m \033[31mred\033[0m\n'`);
  const colourOf = (text: string) =>
    page.evaluate(`getComputedStyle([...document.querySelectorAll('.xterm-rows span')]
      .findLast(({ textContent }) => textContent.startsWith('${text}'))).color`);
  await rows(page).locator('span').filter({ hasText: /^red/ }).waitFor();
  t.equal(await colourOf('true'), 'rgb(1, 99, 2)', 'by its style, which the policy lets through');
  t.equal(await colourOf('red'), 'rgb(179, 33, 43)', 'by the page’s own red');

  await enter(page, 'exit 3');
  await said(page, '“/bin/sh” has ended with exit code 3.').waitFor();
  await page.keyboard.type('nobody');
  t.notMatch(await rows(page).textContent(), /nobody/, 'what has ended takes no keys');
  await start(page);
  t.notMatch(await rows(page).textContent(), /ünïcode|nobody/, 'another begins on an empty terminal');
  await page.locator('.terminal').getByRole('button', { name: 'Close' }).click();
  await page.locator('.terminal').waitFor({ state: 'detached' });
  await page.context().close();
});

t.test('its size is the terminal’s from the start, and follows it', async (t) => {
  const page = await scene.open(view(web));
  await start(page);
  // One line that is written again and again.
  await enter(page, String.raw`while :; do printf '\r<%s> ' "$(stty size)"; sleep 0.1; done`);
  const shows = async (): Promise<[number, number]> => {
    const height = await sizeShown(page);
    await rows(page)
      .getByText(new RegExp(`<${height} \\d+>`))
      .first()
      .waitFor();
    const [, width] = /<\d+ (\d+)>/.exec((await rows(page).textContent()) ?? '') ?? [];
    return [height, Number(width)];
  };
  const [height, width] = await shows();
  t.ok(height > 10 && width > 100, `${height} rows, ${width} columns`);
  await page.setViewportSize({ width: 700, height: 1000 });
  await rows(page)
    .getByText(new RegExp(`<(?!${height} )\\d+ \\d+>`))
    .first()
    .waitFor();
  const [higher, narrower] = await shows();
  t.ok(higher > height && narrower < width, `${higher} rows, ${narrower} columns`);
  await page.keyboard.press('Control+c');
  await enter(page, 'exit');
  await said(page, /has ended with exit code/).waitFor();
  await page.context().close();
});

t.test(
  'by keyboard alone: Tab passes it by, Enter goes in, all keys are the shell’s, and there is a way out',
  async (t) => {
    const page = await scene.open(view(web));
    await start(page);
    t.ok(await isEntered(page), 'one who starts it types in it');
    await page.keyboard.type('cd /et');
    await page.keyboard.press('Tab');
    await rows(page).getByText('cd /etc/').waitFor();
    await page.keyboard.press('Escape');
    t.ok(await isEntered(page));
    await said(page, 'Ctrl+Shift+Enter').waitFor();
    const isOnFrame = () => page.evaluate(`document.activeElement.matches('.terminal-frame')`);
    await page.keyboard.press('Control+Shift+Enter');
    t.ok(await isOnFrame());
    await page.keyboard.press('Tab');
    t.notOk((await isOnFrame()) || (await isEntered(page)), 'on to what follows');
    await page.keyboard.press('Shift+Tab');
    t.ok(await isOnFrame());
    await page.keyboard.press('Shift+Tab');
    t.notOk((await isOnFrame()) || (await isEntered(page)), 'or back to what is before');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    t.ok(await isEntered(page));
    await page.keyboard.press('Control+c');
    await page.getByLabel('for screen readers').check();
    await frame(page).click();
    await enter(page, 'echo read-$((40 + 2))');
    await page.locator('.xterm-accessibility [role=listitem]', { hasText: 'read-42' }).first().waitFor();
    await page.context().close();
  },
);

t.test('an endless output waits for the page, which stays in hand', async (t) => {
  const page = await scene.open(view(web));
  await start(page);
  await enter(page, 'yes');
  await rows(page)
    .getByText(/^y\s*$/)
    .nth(5)
    .waitFor();
  await page.keyboard.press('Control+c');
  // What was under way is shown first; then the shell asks again, and takes keys.
  await rows(page).locator('> div').filter({ hasText: '/ #' }).last().waitFor();
  await enter(page, 'echo still-$((40 + 2))');
  await rows(page).getByText('still-42').first().waitFor();
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await said(page, 'You have left; “/bin/sh” goes on in the container.').waitFor();
  t.equal(await page.getByRole('button', { name: 'Disconnect' }).count(), 0);
  await page.context().close();
});

t.test('in a browser whose sockets can’t wait: the same, and one that is told too much leaves', async (t) => {
  const page = await scene.open(view(web));
  t.ok(await page.evaluate('"WebSocketStream" in window'), 'this one’s can');
  await page.addInitScript('delete window.WebSocketStream');
  await page.reload();
  await start(page);
  await enter(page, 'exit 4');
  await said(page, /has ended with exit code 4/).waitFor();
  await start(page);
  await enter(page, 'yes "$(head -c 4000 /dev/zero | tr \'\\0\' x)"');
  await page.getByRole('alert').getByText('More came than this browser could show').waitFor();
  await page.context().close();
});

t.test('at the main process, when it has a terminal: shared, left, and running on', async (t) => {
  const shell = await scene.create('shell', ['sh'], { interactive: true, tty: true });
  const page = await scene.open(view(shell));
  await said(page, /which all who are attached share/).waitFor();
  await page.getByRole('button', { name: 'Attach' }).click();
  await said(page, 'at the main process').waitFor();
  await enter(page, 'stty size; echo main-$((40 + 2))');
  await rows(page).getByText('main-42').first().waitFor();
  await rows(page)
    .getByText(new RegExp(`^${await sizeShown(page)} \\d+`))
    .first()
    .waitFor();
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await said(page, 'You have left; the main process goes on.').waitFor();
  t.equal((await scene.call<{ status: string }>('GET', `/v1/containers/${shell}`)).json.status, 'Running');
  await page.getByRole('button', { name: 'Attach' }).click();
  await said(page, 'at the main process').waitFor();
  await enter(page, 'exit 5');
  await said(page, 'The main process has ended with exit code 5.').waitFor();
  await said(page, /There is no terminal now: it is Stopped/).waitFor();
  await page.context().close();
});

t.test('at a main process that has none: its output, and whole lines', async (t) => {
  const cat = await scene.create('cat', ['sh', '-c', 'while read line; do echo "got $line"; done'], {
    interactive: true,
  });
  const page = await scene.open(view(cat));
  await said(page, /send it whole lines/).waitFor();
  await page.getByRole('button', { name: 'Attach' }).click();
  const line = page.getByLabel('A line for its stdin');
  await line.fill('one');
  await line.press('Enter');
  await line.fill('two');
  await page.getByRole('button', { name: 'Send' }).click();
  await rows(page).getByText('got one').waitFor();
  await rows(page).getByText('got two').waitFor();
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await page.goto(`${scene.url}/console${view(web)}`);
  await said(page, /created without stdin/).waitFor();
  t.equal(await page.getByRole('button', { name: 'Attach' }).count(), 0);
  await page.context().close();
});

t.test('why there is none, in words: no such command, not in this state, not of this kind', async (t) => {
  const page = await scene.open(view(web));
  const command = page.getByLabel('A further command');
  await command.fill('/no/such/shell');
  await command.press('Enter');
  await said(page, /“\/no\/such\/shell” has ended with exit code 12[67]/).waitFor();
  await command.fill('sh -c "half');
  await command.press('Enter');
  await page.getByRole('alert').getByText('It must be a command that a shell can split').waitFor();

  const done = await scene.create('done', ['true']);
  await page.goto(`${scene.url}/console${view(done)}`);
  await lit(page, 'container.stopped').waitFor();
  await said(page, /There is no terminal now: it is Stopped/).waitFor();
  t.equal(await page.getByRole('button', { name: /^(Start|Attach)/ }).count(), 0);
  const { json } = await scene.call<{ hosts: { uuid: string }[] }>('GET', '/v1/hosts');
  await page.goto(`${scene.url}/console#/host/${json.hosts[0]!.uuid}`);
  await page.locator('.chart .active').first().waitFor();
  t.equal(await page.getByRole('button', { name: 'Terminal', exact: true }).count(), 0);
  await page.context().close();
});

t.test('the server goes: it is said, and another session is offered that sends nothing again', async (t) => {
  const page = await scene.open(view(web));
  await start(page);
  await enter(page, 'echo before-$((40 + 2))');
  await rows(page).getByText('before-42').first().waitFor();
  const down = await scene.site.run('down');
  t.equal(down.code, 0, down.err);
  await said(page, /“\/bin\/sh” goes on in the container/).waitFor();
  await page.keyboard.type('echo lost');
  const up = await scene.site.run('up', '--detach');
  t.equal(up.code, 0, up.err);
  await page.locator('[data-connection=live]').waitFor();
  await start(page);
  await enter(page, 'echo after-$((40 + 2))');
  await rows(page).getByText('after-42').first().waitFor();
  t.notMatch(await rows(page).textContent(), /before|lost/);
  await page.context().close();
});

t.test('axe finds nothing serious, in light and dark, on telephones and walls', async (t) => {
  for (const [colorScheme, width, height] of [
    ['light', 1280, 800],
    ['dark', 360, 740],
    ['dark', 2560, 1440],
  ] as const) {
    const page = await scene.open(view(web), {
      colorScheme,
      viewport: { width, height },
      hasTouch: width === 360,
      bypassCSP: true,
    });
    const look = async (what: string): Promise<void> => {
      t.strictSame(await seriousFindings(page), [], `${what} ${colorScheme} ${width}`);
      const drawn = (await page.evaluate('document.documentElement.scrollWidth')) as number;
      t.ok(drawn <= width, `${what} is not wider than ${width}: ${drawn}`);
    };
    await page.getByRole('button', { name: 'Start', exact: true }).waitFor();
    await look('before it');
    await start(page);
    await enter(
      page,
      String.raw`for c in 0 1 2 3 4 5 6 7; do printf "\033[3${'$'}{c}mcolour ${'$'}c\033[0m "; done; ls /etc`,
    );
    await rows(page).getByText('passwd').first().waitFor();
    await look('in it');
    await page.getByLabel('for screen readers').check();
    await page.locator('.xterm-accessibility').waitFor({ state: 'attached' });
    await look('read aloud');
    await frame(page).click();
    if (width === 360) {
      await enter(page, 'sleep 1000');
      await page.getByRole('button', { name: 'Ctrl+C' }).tap();
      t.ok(await isEntered(page), 'keys that are tapped leave it entered');
    }
    await enter(page, 'exit 7');
    await said(page, /exit code 7/).waitFor();
    await look('after it');
    await page.getByLabel('for screen readers').uncheck();
    await page.context().close();
  }
});

t.test('its colours follow the page’s', async (t) => {
  const page = await scene.open(view(web), { colorScheme: 'light' });
  await start(page);
  const ground = () =>
    page.evaluate(
      `getComputedStyle(document.querySelector('.xterm-scrollable-element')).backgroundColor`,
    ) as Promise<string>;
  const light = await ground();
  await page.emulateMedia({ colorScheme: 'dark' });
  const dark = await until(async () => [await ground()].find((each) => each !== light));
  await page.getByRole('button', { name: /^Colours/ }).click();
  await until(async () => (await ground()) === light);
  t.match(dark, /^rgb/);
  await page.context().close();
});

t.test('the browser had nothing to complain of, and asked nobody else', async (t) => {
  t.strictSame(scene.complaints, []);
});
