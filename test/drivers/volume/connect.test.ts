/** Volumes of Cinder as their host lets go of them, where it never heard what became of connecting them. */
import { rm } from 'node:fs/promises';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { createHost, type Host } from '../../../src/drivers/host.ts';
import { createLocalVolumeDriver } from '../../../src/drivers/volume/local-volumes.ts';
import { TroupeError } from '../../../src/errors/errors.ts';

const worldId = '00000000-0000-4000-8000-000000000001';
const volumeId = '00000000-0000-4000-8000-000000000002';
const connection = { driver_volume_type: 'simulated' };
const spec = {
  worldId, volumeId, tenant: 'p1', name: '', sizeGib: 1, cinderId: '00000000-0000-4000-8000-000000000003', names: [],
  readOnly: false, isNew: false, connection,
}; // prettier-ignore

t.test('what may be connected is disconnected, though its agent was killed before it knew', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'troupe-connect-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const { signal } = new AbortController();
  let isConnected = false;
  let isKilled = true;
  const asked: string[] = [];
  const host: Host = {
    ...createHost(),
    async run(program, args, options) {
      if (program !== '/usr/bin/python3') return createHost().run(program, args, options);
      const question = JSON.parse(options.input ?? '{}') as { readonly ask: string };
      asked.push(question.ask);
      isConnected = question.ask === 'connect';
      if (isKilled) throw new TroupeError('TIMED_OUT', 'Nobody is left to hear of it');
      return { status: 0, output: JSON.stringify({ answer: isConnected ? '/dev/one' : null }), errors: '' };
    },
  };
  const driver = createLocalVolumeDriver({ directory, host });
  await t.rejects(driver.connectVolume(spec, signal), { code: 'TIMED_OUT' });
  t.ok(isConnected);
  isKilled = false;
  // As the agent that comes after it.
  const next = createLocalVolumeDriver({ directory, host });
  await next.disconnectVolume({ worldId, volumeId }, connection, signal);
  t.same(asked, ['connect', 'connect', 'disconnect']);
  t.notOk(isConnected);
  t.same(await next.listVolumes(signal), []);
});
