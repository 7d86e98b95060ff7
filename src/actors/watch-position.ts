/**
 * Positions of streams as watchers hold them: opaque text. A change's names
 * its own shard only, so that it costs the same however many tenants a site
 * has; the one of a snapshot names every shard that the snapshot covers.
 */
import { TroupeError } from '../errors/errors.ts';
import type { Shard } from '../model/address.ts';

/** Where a watcher is in one shard. */
export interface Mark {
  readonly position: number;
  /** When the record there was written, by which it is known again; null when it was not seen. */
  readonly at: number | null;
}

export interface WatchPosition {
  readonly marks: ReadonlyMap<Shard, Mark>;
  /** It stood for all tenants: a shard that it does not name had nothing yet. */
  readonly isWhole: boolean;
}

type Wire = {
  readonly w: string;
  readonly p: Readonly<Record<string, readonly [number, number | null]>>;
  readonly all?: true;
};

export function encodePosition(
  worldId: string,
  marks: Iterable<readonly [Shard, Mark]>,
  isWhole: boolean,
): string {
  const p = Object.fromEntries(
    [...marks].map(([shard, { position, at }]) => [shard, [position, at] as const]),
  );
  const wire: Wire = { w: worldId.slice(0, 8), p, ...(isWhole ? { all: true } : {}) };
  return Buffer.from(JSON.stringify(wire)).toString('base64url');
}

/**
 * Several positions as one, the furthest of each shard. Null when one is of
 * another world, so that nothing of it counts here.
 * @throws TroupeError INVALID_PARAMETER for text that is no position
 */
export function decodePositions(worldId: string, texts: readonly string[]): WatchPosition | null {
  const decoded = texts.map(decode);
  if (decoded.some(({ w }) => w !== worldId.slice(0, 8))) return null;
  const marks = new Map<Shard, Mark>();
  for (const { p } of decoded) {
    for (const [shard, [position, at]] of Object.entries(p) as [Shard, readonly [number, number | null]][]) {
      if ((marks.get(shard)?.position ?? -1) < position) marks.set(shard, { position, at });
    }
  }
  return { marks, isWhole: decoded.some(({ all }) => all === true) };
}

function decode(text: string): Wire {
  try {
    const wire = JSON.parse(Buffer.from(text, 'base64url').toString()) as Wire;
    if (typeof wire.w === 'string' && Object.values(wire.p).every(isMark)) return wire;
  } catch {
    // Told below, in words.
  }
  throw new TroupeError(
    'INVALID_PARAMETER',
    `This is not a position of this stream, watch again without one: "${text.slice(0, 40)}"`,
  );
}

const isMark = (mark: unknown): boolean =>
  Array.isArray(mark) &&
  Number.isSafeInteger(mark[0]) &&
  mark[0] >= 0 &&
  (mark[1] === null || Number.isSafeInteger(mark[1]));
