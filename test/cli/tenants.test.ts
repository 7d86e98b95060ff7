/** `troupe tenant`: limits as they are given and taken back. */
import t from 'tap';
import { createCliScene } from './scene.ts';

const tenant = {
  id: 'p1',
  limits: { containers: 3, memory: 51_200, disk: 100, cpu: 1.5 },
  used: { containers: 1, memory: 0, disk: 0, cpu: 0 },
  reserved: 0,
  neighbours: 'off',
};

t.test('limits are set by part, and given back to the site', async (t) => {
  const cli = createCliScene({ answers: { 'PATCH /v1/tenants/p1': tenant } });
  t.equal(await cli.run('tenant', 'set', 'p1', '--containers', '3', '--cpus', '1.5', '--disk', 'default', '--memory', '-1'), 0); // prettier-ignore
  t.same(cli.body('PATCH /v1/tenants/p1'), {
    limits: { containers: 3, cpu: 1.5, disk: null, memory: -1 },
  });
});

t.test('what is no limit is not sent', async (t) => {
  for (const value of ['many', '', ' ', '1 2']) {
    const cli = createCliScene({ answers: {} });
    t.equal(await cli.run('tenant', 'set', 'p1', '--containers', value), 2, `"${value}"`);
    t.match(cli.err, /--containers must be a number, -1 for no limit, or "default" for the site's/);
    t.same(cli.calls, []);
  }
});
