/** What `troupe doctor` says of this machine as a host, where that depends on what it has. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createHost, type Host } from '../../src/drivers/host.ts';
import { bridges } from '../../src/main/host-doctor.ts';

const machine = (setting: string): Host => ({ ...createHost(), readSetting: () => Promise.resolve(setting) });

t.test('a bridge’s packets pass security groups, unless those are Open vSwitch’s', async (t) => {
  const socket = join(t.testdir(), 'db.sock');
  const [off, ovsdb] = [machine('0'), `unix:${socket}`];
  const linuxBridges = ['lo', 'eth0', 'brq0123456789a'];
  t.match(await bridges(off, ovsdb, ['lo', 'eth0']), { ok: false, fix: /^modprobe br_netfilter/ });
  t.match(await bridges(machine('1'), ovsdb, linuxBridges), { ok: true });
  writeFileSync(socket, '');
  t.match(await bridges(off, ovsdb, ['lo', 'eth0', 'br-int']), { ok: true, detail: /Open vSwitch’s/ });
  t.match(await bridges(off, ovsdb, linuxBridges), { ok: false }, 'where both are, they must');
});
