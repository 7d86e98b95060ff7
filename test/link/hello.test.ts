import t from 'tap';
import { createHostLinks } from '../../src/link/host-link-server.ts';
import { timing } from '../support/link-scene.ts';
import { rawAgent } from '../support/raw-agent.ts';
import { createScriptedEvents } from '../support/scripted-events.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

const scene = () => {
  const environment = createTestEnvironment();
  const events = createScriptedEvents();
  events.credentials.set('h1', 'secret');
  const links = createHostLinks({ environment, events, timing });
  return { environment, events, links };
};

t.test('frames that are not the protocol end the connection, and nothing is believed', async (t) => {
  const up = { sequence: 1, record: { kind: 'fact', fact: { type: 'runtime.exploded' }, at: 0 } };
  const cases: readonly [string, string, number][] = [
    ['no JSON', 'hello', 1007],
    ['JSON, but no object', 'null', 1008],
    ['no version', '{"id":1,"method":"heartbeat"}', 1008],
    ['an unknown method', '{"jsonrpc":"2.0","method":"shutdown","params":{}}', 1008],
    ['a method that only the control plane may send', '{"jsonrpc":"2.0","id":1,"method":"takeInventory","params":{}}', 1008],
    ['an inherited name as a method', '{"jsonrpc":"2.0","id":1,"method":"constructor","params":{}}', 1008],
    ['a request without an id', '{"jsonrpc":"2.0","method":"inventory","params":{"items":[],"images":[],"engineUp":true,"complete":true}}', 1008],
    ['a notification with an id', '{"jsonrpc":"2.0","id":1,"method":"heartbeat","params":{}}', 1008],
    ['an id that is no number', '{"jsonrpc":"2.0","id":{},"method":"enrol","params":{"protocol":1,"joinToken":"x","hostname":"h"}}', 1008],
    ['an answer without an id', '{"jsonrpc":"2.0","result":{}}', 1008],
    ['params of another shape', JSON.stringify({ jsonrpc: '2.0', method: 'up', params: up }), 1008],
    ['no params', '{"jsonrpc":"2.0","method":"heartbeat"}', 1008],
  ]; // prettier-ignore
  for (const [what, frame, code] of cases) {
    const { links, environment, events } = scene();
    const agent = rawAgent(links);
    await agent.hello('h1', 'secret');
    await environment.settle();
    agent.send(frame);
    await environment.settle();
    t.equal(agent.closed?.code, code, what);
    t.same(events.told, []);
    t.equal(links.online().size, 0);
  }
});

t.test('an answer of another shape ends the connection, and its caller is told', async (t) => {
  const { links, environment } = scene();
  const agent = rawAgent(links);
  await agent.sync('h1', 'secret');
  await environment.settle();
  const asked = links.inventory('h1');
  await environment.settle();
  agent.answer('takeInventory', { items: [{ observation: 'nothing' }] });
  await t.rejects(asked, { code: 'HOST_UNREACHABLE' });
  t.equal(agent.closed?.code, 1008);
});

t.test('before its hello a connection may only enrol', async (t) => {
  for (const frame of [
    { method: 'heartbeat', params: {} },
    { method: 'images', params: { images: [] } },
    {
      id: 1,
      method: 'inventory',
      params: { items: [], resources: [], images: [], engineUp: true, complete: true },
    },
  ]) {
    const { links, environment, events } = scene();
    const agent = rawAgent(links);
    agent.send(JSON.stringify({ jsonrpc: '2.0', ...frame }));
    await environment.settle();
    t.equal(agent.closed?.code, 1008, frame.method);
    t.same(events.inventories, []);
    t.same(events.imageLists, []);
  }
});

t.test('who says nothing is hung up on', async (t) => {
  const { links, environment } = scene();
  const agent = rawAgent(links);
  await environment.advance(9_999);
  t.equal(agent.closed, null);
  await environment.advance(1);
  t.match(agent.closed, { code: 1008, reason: 'No hello in time' });
});

t.test('who says hello and then tells no inventory is hung up on', async (t) => {
  const { links, environment, events } = scene();
  const agent = rawAgent(links);
  await agent.hello('h1', 'secret');
  for (let ms = 0; ms < 15_000; ms += 500) {
    agent.notify('heartbeat', {});
    await environment.advance(500);
  }
  t.match(agent.closed, { code: 4005, reason: 'The inventory did not come in time' });
  t.match(events.log.at(-1), /closed h1: The inventory/);
});

t.test('a connection that ends while its credential is checked leaves nothing behind', async (t) => {
  const { links, environment, events } = scene();
  let admit: () => void = () => {};
  events.authenticate = () => new Promise((resolve) => (admit = resolve));
  const agent = rawAgent(links);
  void agent.hello('h1', 'secret');
  await environment.settle();
  agent.cut();
  admit();
  await environment.settle();
  t.same(events.log, [], 'the actors never hear of it');
  t.equal(environment.scheduled, 0, 'no timer is left');
});

t.test('another version of the protocol is refused for good, in words', async (t) => {
  const { links } = scene();
  const agent = rawAgent(links);
  await t.rejects(
    agent.call('hello', { ...agent.greeting('h1', 'secret'), protocol: 7 }),
    Object.assign(new Error('This control plane speaks version 1 of the host link, the agent version 7'), {
      fatal: true,
    }),
  );
});

t.test('a connection says hello once', async (t) => {
  const { links } = scene();
  const agent = rawAgent(links);
  await agent.hello('h1', 'secret');
  await t.rejects(agent.hello('h1', 'secret'), /once per connection/);
});
