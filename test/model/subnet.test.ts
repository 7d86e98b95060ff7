/** Choosing subnets, giving addresses, making MACs: by property. */
import fc from 'fast-check';
import t from 'tap';
import {
  type AddressPool,
  countFree,
  giveBack,
  openPool,
  take,
  takeNext,
} from '../../src/model/address-pool.ts';
import { macOfAddress, macOfPort } from '../../src/model/mac-address.ts';
import {
  addressAt,
  chooseSubnet,
  familyOf,
  indexOf,
  isAddress,
  overlap,
  parseSubnet,
  prefixOf,
} from '../../src/model/subnet.ts';

const pool = { cidr: '10.64.0.0/21', prefix: 24 };
const poolSubnets = Array.from({ length: 8 }, (_, third) => `10.64.${third}.0/24`);
const subnets = fc.constantFrom(...poolSubnets);
const narrow = fc
  .tuple(fc.nat(9), fc.nat(255), fc.integer({ min: 20, max: 32 }))
  .map(([third, fourth, prefix]) => `10.64.${third}.${fourth}/${prefix}`);
const anyCidr = fc.tuple(fc.ipV4(), fc.integer({ min: 8, max: 32 })).map(([ip, prefix]) => `${ip}/${prefix}`);

t.test('the first subnet of the pool that overlaps nothing taken is chosen', async (t) => {
  let full = 0;
  fc.assert(
    fc.property(fc.array(fc.oneof(subnets, narrow, anyCidr), { maxLength: 12 }), (taken) => {
      const free = poolSubnets.find((subnet) => taken.every((other) => !overlap(subnet, other))) ?? null;
      if (free === null) full += 1;
      return chooseSubnet(pool, taken) === free;
    }),
    { examples: [[['10.0.0.0/8']]] },
  );
  t.ok(full > 0);
});

t.test('subnets are chosen in turn until none is left', async (t) => {
  const small = { cidr: '192.168.8.0/22', prefix: 24 };
  const taken: string[] = [];
  for (let chosen = chooseSubnet(small, taken); chosen !== null; chosen = chooseSubnet(small, taken))
    taken.unshift(chosen);
  t.strictSame(taken.toReversed(), [
    '192.168.8.0/24',
    '192.168.9.0/24',
    '192.168.10.0/24',
    '192.168.11.0/24',
  ]);
  t.equal(chooseSubnet(small, ['192.168.9.128/25', '192.168.8.0/24']), '192.168.10.0/24');
  t.equal(chooseSubnet(small, ['0.0.0.0/0']), null);
  t.equal(
    chooseSubnet({ cidr: '10.0.0.0/24', prefix: 16 }, []),
    null,
    'a pool narrower than what it shall hold',
  );
  t.equal(chooseSubnet(small, ['fd00::/8']), '192.168.8.0/24');
});

t.test('overlapping is mutual, and means a shared address', async (t) => {
  fc.assert(fc.property(anyCidr, anyCidr, (one, other) => overlap(one, other) === overlap(other, one)));
  t.ok(overlap('10.0.0.0/8', '10.64.3.0/24'));
  t.notOk(overlap('10.64.2.0/24', '10.64.3.0/24'));
  t.notOk(overlap('10.64.2.0/24', 'fd00::/8'));
});

t.test('the place of an address leads back to it', async () => {
  fc.assert(
    fc.property(subnets, fc.nat(255), (subnet, index) => indexOf(subnet, addressAt(subnet, index)) === index),
  );
});

t.test('no address is given twice, none is lost, and none of the reserved is given', async (t) => {
  const orders = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('next' as const) }),
      fc.record({ kind: fc.constant('take' as const), index: fc.nat(40) }),
      fc.record({ kind: fc.constant('give' as const), index: fc.nat(31) }),
    ),
    { maxLength: 120 },
  );
  const subnet = '10.64.7.32/27';
  const reserved = ['10.64.7.32', '10.64.7.33', '10.64.7.63'];
  let full = 0;
  fc.assert(
    fc.property(orders, (all) => {
      let current: AddressPool = openPool(subnet, '10.64.7.33');
      const given = new Set<string>();
      for (const order of all) {
        if (order.kind === 'next') {
          const next = takeNext(current);
          if (next === null) {
            full += 1;
            if (given.size !== 29) return false;
          } else {
            if (given.has(next.address) || reserved.includes(next.address)) return false;
            given.add(next.address);
            current = next.pool;
          }
        } else if (order.kind === 'take') {
          const inside = order.index < 32;
          const address = `10.64.7.${32 + order.index}`;
          const taken = take(current, address);
          if (typeof taken === 'string') {
            const isUsed = given.has(address) || reserved.includes(address);
            if (taken !== (inside ? 'in-use' : 'outside') || (inside && !isUsed)) return false;
          } else {
            if (!inside || given.has(address) || reserved.includes(address)) return false;
            given.add(address);
            current = taken;
          }
        } else {
          const address = addressAt(subnet, order.index);
          if (given.delete(address)) current = giveBack(current, address);
        }
        if (countFree(current) !== 29 - given.size) return false;
      }
      return true;
    }),
    // The first example fills the subnet, so that "full" is always seen.
    { examples: [[Array.from({ length: 30 }, () => ({ kind: 'next' as const }))]] },
  );
  t.ok(full > 0);
});

t.test('an address given back is given again last', async (t) => {
  const first = takeNext(openPool('10.64.7.0/29', '10.64.7.1'));
  t.equal(first?.address, '10.64.7.2');
  let current = giveBack(first!.pool, '10.64.7.2');
  const given: string[] = [];
  for (let next = takeNext(current); next; next = takeNext(current)) {
    given.push(next.address);
    current = next.pool;
  }
  t.strictSame(given, ['10.64.7.3', '10.64.7.4', '10.64.7.5', '10.64.7.6', '10.64.7.2']);
});

t.test('what is no subnet, gateway or address is refused by name', async (t) => {
  for (const bad of [
    '10.64.0.1/24',
    '10.64.0.0',
    '10.64.0.0/33',
    'fd00::/64',
    '',
    '10.64.0.0/24\n',
    '0xa.0.0.0/8',
  ])
    t.throws(() => parseSubnet(bad), new RangeError(`Not an IPv4 subnet: "${bad}"`));
  t.match(parseSubnet('10.64.3.0/24'), { prefix: 24, network: '10.64.3.0', broadcast: '10.64.3.255' });
  t.throws(() => openPool('10.0.0.0/16', '10.0.0.1'), /from \/20 to \/29/);
  t.throws(() => openPool('10.0.0.0/30', '10.0.0.1'), /from \/20 to \/29/);
  for (const gateway of ['10.0.0.0', '10.0.0.255', '10.0.1.1', 'x'])
    t.throws(() => openPool('10.0.0.0/24', gateway), /can't be the gateway/);
  t.throws(() => addressAt('10.0.0.0/24', 256), /There is no address 256/);
  t.strictSame(['10.0.0.1', 'fd00::1', '10.0.0.1/8', 'a', '1.2.3', '10.0.0.1\nx'].map(isAddress), [
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
  t.equal(familyOf('10.0.0.1/8'), 4);
  t.equal(familyOf('fd00::1/64'), 6);
  t.throws(() => familyOf('a'), RangeError);
});

t.test("a port's MAC is its own, unicast and locally administered", async (t) => {
  fc.assert(
    fc.property(fc.uuid(), fc.uuid(), (one, other) => {
      const mac = macOfPort(one);
      const isSame = one.replace('-', '').slice(0, 10) === other.replace('-', '').slice(0, 10);
      return /^02(:[0-9a-f]{2}){5}$/.test(mac) && (macOfPort(other) === mac) === isSame;
    }),
  );
  t.throws(() => macOfPort('../../etc'), RangeError);
  t.equal(macOfAddress('10.0.200.7'), '02:54:0a:00:c8:07');
  for (const each of ['fd00::1', '10.0.0.1/24', '']) t.throws(() => macOfAddress(each), RangeError);
});

t.test('the prefix of a CIDR of either family', async (t) => {
  t.equal(prefixOf('10.64.0.0/24'), 24);
  t.equal(prefixOf('fd00:91:6::/64'), 64);
  t.throws(() => prefixOf('nowhere'), RangeError);
});
