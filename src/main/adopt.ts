/** A host that goes over to another world, e.g. to a control plane whose store was restored from nothing. */
import { openLmdbState } from '../agent/lmdb-state.ts';
import type { LoadedConfig } from '../config/load.ts';
import { TroupeError } from '../errors/errors.ts';
import { claimProcess } from './process-file.ts';
import { paths } from './settings.ts';
import { prepareState } from './site-files.ts';

/** @throws TroupeError INVALID_CONFIG when the host has joined no world yet, or its agent runs */
export async function adopt(loaded: LoadedConfig, worldId: string): Promise<void> {
  prepareState(loaded);
  const files = paths(loaded.config);
  const claim = claimProcess(files.agentProcess, 'troupe agent --adopt');
  try {
    const state = await openLmdbState(files.agent);
    try {
      const { identity } = await state.read();
      if (!identity)
        throw new TroupeError(
          'INVALID_CONFIG',
          'This host has not joined any world yet; join it with a token: "troupe agent --join TOKEN"',
        );
      await state.write({ identity: { ...identity, worldId }, epoch: 0 });
    } finally {
      await state.close();
    }
  } finally {
    claim.release();
  }
}
