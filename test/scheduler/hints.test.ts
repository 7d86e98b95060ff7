import t from 'tap';
import { parseHints } from '../../src/scheduler/hints.ts';

const one = '11111111-1111-4111-8111-111111111111';
const two = '22222222-2222-4222-8222-22222222222A';

t.test('hints of Zun and what they mean', async (t) => {
  t.same(parseHints({}), { labels: [], sameHost: [], differentHost: [], group: null });
  t.same(
    parseHints({
      'label:disk': 'ssd', 'label:a:b': '', same_host: one, different_host: `${one}, ${two}`, group: 'web', policy: 'anti-affinity',
    }), // prettier-ignore
    {
      labels: [['disk', 'ssd'], ['a:b', '']],
      sameHost: [one],
      differentHost: [one, two.toLowerCase()],
      group: { name: 'web', policy: 'anti-affinity' },
    }, // prettier-ignore
  );
});

t.test('what means nothing is named', async (t) => {
  const known = 'known are label:<name>, same_host, different_host, group and policy';
  const policies = 'affinity, anti-affinity, soft-affinity, soft-anti-affinity';
  const said = (hints: Record<string, string>) => (parseHints(hints) as { error: string }).error;
  t.equal(said({ colour: 'red' }), `The hint "colour" is not known; ${known}`);
  t.equal(said({ 'label:': 'red' }), `The hint "label:" is not known; ${known}`);
  t.equal(said({ constructor: 'x' }), `The hint "constructor" is not known; ${known}`);
  t.equal(
    said({ same_host: 'web1' }),
    'The hint "same_host" must be UUIDs of containers with commas between, not "web1"',
  );
  t.equal(
    said({ different_host: '' }),
    'The hint "different_host" must be UUIDs of containers with commas between, not ""',
  );
  t.equal(said({ group: 'web' }), `The hint "group" needs the hint "policy": one of ${policies}`);
  t.equal(
    said({ policy: 'affinity' }),
    'The hint "policy" needs the hint "group", the name of what it is for',
  );
  t.equal(said({ group: 'web', policy: 'x' }), `The hint "policy" must be one of ${policies}, not "x"`);
  t.equal(
    said({ group: 'a/b', policy: 'affinity' }),
    'The hint "group" must be 1 to 63 letters, digits, dots, dashes and underscores, not "a/b"',
  );
});
