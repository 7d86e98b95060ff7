/** How much the rules of worlds have dropped, asked of the kernel. */
import { tableName } from '../../src/drivers/network/link-names.ts';
import type { NetworkHost } from './network-host.ts';

export async function droppedBy(on: NetworkHost, worldIds: readonly string[]): Promise<number> {
  let packets = 0;
  for (const table of worldIds.map(tableName))
    for (const family of ['inet', 'bridge']) {
      const rules = await on.run('nft', 'list', 'table', family, table);
      for (const [, count] of rules.matchAll(/counter packets (\d+) bytes \d+ drop/g))
        packets += Number(count);
    }
  return packets;
}
