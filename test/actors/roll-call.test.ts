import t from 'tap';
import type { Cell } from '../../src/actors/cell.ts';
import { createRollCall } from '../../src/actors/roll-call.ts';
import { containerAddress } from '../../src/model/address.ts';
import type { HostView } from '../../src/model/host.ts';

const address = containerAddress('p1', 'c1');
const unplaced = { address, committed: { record: { context: { hostId: null } } } } as Cell;

const scene = () => {
  const states: Record<string, 'online' | 'expected' | 'lost'> = {
    here: 'online',
    away: 'expected',
    gone: 'lost',
  };
  const rollCall = createRollCall(() =>
    Object.entries(states).map(
      ([id, state]) =>
        ({
          id,
          hostname: id,
          online: state === 'online',
          expected: state === 'expected',
        }) as HostView,
    ),
  );
  rollCall.restored([unplaced]);
  return { states, rollCall, why: () => rollCall.before(address)?.refusals[0]?.reason };
};

t.test('who was restored without a place waits for the hosts that may have it', async (t) => {
  const { states, rollCall, why } = scene();
  t.match(why(), /^"away" has yet to tell/);
  t.equal(rollCall.before(containerAddress('p1', 'new')), null, 'one that came since waits for nobody');
  states['away'] = 'online';
  rollCall.heard('away');
  t.equal(why(), undefined);
  states['here'] = 'expected';
  t.match(why(), /^"here"/);
  rollCall.placed(address);
  t.equal(why(), undefined);
});

t.test('one that was given up since, without a word, may have it still', async (t) => {
  const { states, rollCall, why } = scene();
  states['away'] = 'lost';
  t.match(why(), /^"away"/);
  rollCall.heard('away');
  t.equal(why(), undefined, 'it had nothing, and was lost after that');
});
