/** What says of a volume in Cinder that a site made it, and for which of its actors. */
import type { CinderVolume } from './cinder.ts';

const worldKey = 'troupe_world';
const actorKey = 'troupe_volume';
const promiseKey = 'troupe_promise';

/** Metadata of what one site made, and would delete again. */
export const madeBy = (worldId: string): Readonly<Record<string, string>> => ({ [worldKey]: worldId });

/** Metadata of the volume that is made for this actor. */
export const madeFor = (actorId: string): Readonly<Record<string, string>> => ({ [actorKey]: actorId });

/** The actor that it was made for; empty when nothing says so. */
export const actorOf = ({ metadata }: Pick<CinderVolume, 'metadata'>): string => metadata[actorKey] ?? '';

/** Metadata of what was made while this promise held. */
export const promisedBy = (promiseId: string): Readonly<Record<string, string>> => ({
  [promiseKey]: promiseId,
});

/** The promise that held while it was made; empty when nothing says so. */
export const promiseOf = ({ metadata }: Pick<CinderVolume, 'metadata'>): string => metadata[promiseKey] ?? '';
