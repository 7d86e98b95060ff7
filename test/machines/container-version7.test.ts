/** A volume that an earlier release was mounting is mounted by this one. */
import t from 'tap';
import { containerChart } from '../../src/machines/container.machine.ts';

const migrate = (value: unknown): unknown =>
  containerChart.migrations[6]!({ value, context: {}, chartVersion: 6 }).value;

t.test('what a container of version 6 was about goes on', async (t) => {
  t.same(migrate({ remounting: 'mounting' }), { remounting: { mounting: 'attempting' } });
  t.same(migrate({ remounting: 'unmounting' }), { remounting: { unmounting: 'attempting' } });
  t.same(migrate({ remounting: { releasing: 'waiting' } }), { remounting: { releasing: 'waiting' } });
  t.equal(migrate('paused'), 'paused');
});
