/** Events between an engine that must be read and a reader that may be slow. */
import t from 'tap';
import { EventQueue } from '../../src/drivers/runtime/event-queue.ts';
import type { EngineEvent } from '../../src/drivers/runtime/runtime-driver.ts';

const event = (containerId: string): EngineEvent => ({
  kind: 'container',
  worldId: null,
  containerId,
  engineId: 'e',
  action: 'start',
  signal: null,
  exit: null,
});

t.test('in order, before and after the reader waits', async (t) => {
  const queue = new EventQueue(10);
  const reading = new AbortController();
  const events = queue.read(reading.signal);
  queue.push(event('1'));
  t.match((await events.next()).value, { containerId: '1' });
  const waiting = events.next();
  queue.push(event('2'));
  queue.push(event('3'));
  t.match((await waiting).value, { containerId: '2' });
  t.match((await events.next()).value, { containerId: '3' });
  const last = events.next();
  reading.abort();
  t.match(await last, { done: true });
});

t.test('what a slow reader left becomes one gap', async (t) => {
  const queue = new EventQueue(3);
  for (const id of ['1', '2', '3', '4']) queue.push(event(id));
  const events = queue.read(new AbortController().signal);
  t.match((await events.next()).value, { kind: 'gap' });
  t.match((await events.next()).value, { containerId: '4' });
});

t.test('an outage is not lost in it', async (t) => {
  const queue = new EventQueue(1);
  queue.push(event('1'));
  queue.push({ kind: 'down', reason: 'gone' });
  const events = queue.read(new AbortController().signal);
  t.match((await events.next()).value, { kind: 'gap' });
  t.match((await events.next()).value, { kind: 'down' });
});
