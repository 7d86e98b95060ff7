/** Killed while undoing, or before undoing or sweeping: what is left is nothing. */
import t from 'tap';
import {
  driver,
  elsewhere,
  ensure,
  everything,
  here,
  killEverywhere,
  signal,
  undo,
  worldId,
} from './crash-scene.ts';

const nothing = await everything();

t.test('killed while it takes back, unplugs and removes', async (t) => {
  for (const [index, call] of undo.entries()) {
    const prepare = async (): Promise<void> => {
      await here(ensure);
      await here(undo.slice(0, index));
    };
    await prepare();
    await here([call]);
    await killEverywhere(t, [call], prepare, await everything());
  }
  t.equal(await everything(), nothing);
});

t.test('killed while it plugs, and undone instead: nothing is left', async (t) => {
  const places = (await elsewhere(ensure, 0)) ?? 0;
  t.ok(places > 0);
  await here(undo);
  for (let place = 1; place <= places; place += 3) {
    t.equal(await elsewhere(ensure, place), null);
    await here(undo);
    t.equal(await everything(), nothing, `undone after ${place}`);
  }
});

t.test('killed while it plugs, and only swept: no half port is left', async (t) => {
  const plugAndMore = ensure.slice(0, 2);
  const places = (await elsewhere(plugAndMore, 0)) ?? 0;
  await here(undo);
  for (let place = 2; place <= places; place += 3) {
    t.equal(await elsewhere(plugAndMore, place), null);
    await driver.sweep(worldId, signal);
    const left = [...(await driver.listPorts(signal)), ...(await driver.listNetworks(signal))];
    for (const item of left) t.equal(item.worldId, worldId, `whole after ${place}`);
    await here(undo);
    t.equal(await everything(), nothing);
  }
});
