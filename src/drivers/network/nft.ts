/** nftables: transactions, and what tables and maps hold. */
import type { Host } from '../host.ts';
import { commandFailure, reason } from './network-errors.ts';

export type Family = 'inet' | 'bridge';

/** An element as nft writes it in JSON: a value, or a pair of key and value for maps, each perhaps wrapped. */
export type NftElement = unknown;

/** Of a table: its sets and maps by name. */
export type Contents = ReadonlyMap<string, readonly NftElement[]>;

export interface NftObject {
  readonly table?: { readonly family: string; readonly name: string };
  readonly set?: { readonly name: string; readonly elem?: readonly NftElement[] };
  readonly map?: { readonly name: string; readonly elem?: readonly NftElement[] };
}

export interface Nft {
  /**
   * All of a script or nothing of it.
   *
   * @param attempt for the message of what is thrown
   * @throws TroupeError NETWORK_ERROR, HOST_INCAPABLE
   */
  apply(attempt: string, script: string, signal: AbortSignal): Promise<void>;
  /** Whether the kernel would take the script, and why not. Changes nothing. */
  check(script: string, signal: AbortSignal): Promise<string | null>;
  tables(family: Family, signal: AbortSignal): Promise<readonly string[]>;
  /** Sets and maps of a table with their elements; null when there is no such table. */
  contents(family: Family, table: string, signal: AbortSignal): Promise<Contents | null>;
}

interface Change {
  readonly attempt: string;
  readonly script: string;
  readonly signal: AbortSignal;
}

/** Aborts once each of them has. */
function allAborted(signals: readonly AbortSignal[]): AbortSignal {
  const all = new AbortController();
  let left = signals.length;
  const count = (): void => void ((left -= 1) === 0 && all.abort());
  for (const signal of signals) {
    if (signal.aborted) count();
    else signal.addEventListener('abort', count, { once: true });
  }
  return all.signal;
}

export function createNft(host: Host): Nft {
  const list = (args: readonly string[], signal: AbortSignal) =>
    host.run('nft', ['--json', 'list', ...args], { signal });
  const objects = (output: string) => (JSON.parse(output) as { nftables: readonly NftObject[] }).nftables;

  const run = (script: string, signal: AbortSignal) =>
    host.run('nft', ['-f', '-'], { input: script, signal });
  const applyAlone = async ({ attempt, script, signal }: Change): Promise<void> => {
    const result = await run(script, signal);
    if (result.status !== 0) throw commandFailure(attempt, 'nft', result);
  };

  let waiting: (Change & { readonly settle: (done: Promise<void>) => void })[] = [];
  let isBusy = false;
  /** What came meanwhile goes in one transaction: each costs the kernel a pause of its own. */
  const pump = async (): Promise<void> => {
    isBusy = true;
    while (waiting.length > 0) {
      const changes = waiting;
      waiting = [];
      const isDone = changes.length > 1 && (await applyTogether(changes));
      for (const change of changes) {
        const done = isDone ? Promise.resolve() : applyAlone(change);
        change.settle(done);
        await done.catch(() => {});
      }
    }
    isBusy = false;
  };
  /** False: nothing of it was done, since one of them can't be, or nobody waits any more. */
  const applyTogether = async (changes: readonly Change[]): Promise<boolean> => {
    const script = changes.map((change) => change.script).join('');
    return run(script, allAborted(changes.map(({ signal }) => signal))).then(
      ({ status }) => status === 0,
      () => false,
    );
  };

  return {
    apply: (attempt, script, signal) =>
      new Promise((settle) => {
        waiting.push({ attempt, script, signal, settle });
        if (!isBusy) void pump();
      }),
    async check(script, signal) {
      const result = await host.run('nft', ['--check', '-f', '-'], { input: script, signal });
      return result.status === 0 ? null : reason(result);
    },
    async tables(family, signal) {
      const result = await list(['tables', family], signal);
      if (result.status !== 0) throw commandFailure('The firewall could not be read', 'nft', result);
      return objects(result.output).flatMap(({ table }) => (table ? [table.name] : []));
    },
    async contents(family, table, signal) {
      const result = await list(['table', family, table], signal);
      if (result.status !== 0) {
        if (/No such file or directory/.test(result.errors)) return null;
        throw commandFailure('The firewall could not be read', 'nft', result);
      }
      const held = objects(result.output).flatMap(({ set, map }) => set ?? map ?? []);
      return new Map(held.map(({ name, elem }) => [name, elem ?? []]));
    },
  };
}
