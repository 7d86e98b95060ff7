import { duplexPair } from 'node:stream';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { createStreamTickets } from '../../src/link/stream-tickets.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

t.test('an offered ticket is good for any number of streams, until it is withdrawn', async (t) => {
  const tickets = createStreamTickets(createTestEnvironment(), 15_000);
  const { ticket, withdraw } = tickets.offer((socket) => {
    socket.once('end', () => socket.end('what was asked for'));
    socket.resume();
  });
  for (const _ of [1, 2]) {
    const [mine, theirs] = duplexPair({ allowHalfOpen: false });
    t.ok(tickets.use(ticket, theirs));
    mine.allowHalfOpen = true;
    mine.end('a request');
    t.equal(await text(mine), 'what was asked for', 'who has read all may still answer');
  }
  t.notOk(tickets.use('another', duplexPair()[0]));
  withdraw();
  t.notOk(tickets.use(ticket, duplexPair()[0]));
});
