/** Volumes on this machine's own file system, kept to their size by images on loop devices. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { createLocalVolumeDriver } from '../../../src/drivers/volume/local-volumes.ts';
import { volumeDriverContract } from '../../conformance/volume-driver.ts';
import { needRoot } from '../../support/need-root.ts';

needRoot();

await volumeDriverContract(t, 'images on loop devices', async () => {
  const place = await mkdtemp(join(await realpath(tmpdir()), 'troupe-volumes-'));
  const directory = join(place, 'volumes');
  const make = () => createLocalVolumeDriver({ directory });
  return {
    driver: make(),
    worldId: randomUUID(),
    directory,
    sized: 'image' as const,
    again: make,
    limits: async () => [],
    stop: () => rm(place, { recursive: true }),
  };
});
