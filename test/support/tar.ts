/** Tars for tests, well made and otherwise. */
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { extract, pack, type Header } from 'tar-stream';

export type TarEntry = Partial<Header> & { readonly name: string; readonly content?: string | Buffer };

/** One tar of these entries, whatever they say. */
export function tarOf(...entries: readonly TarEntry[]): Promise<Buffer> {
  const tar = pack();
  for (const { content, ...header } of entries)
    if (content === undefined) tar.entry(header);
    else tar.entry(header, content);
  tar.finalize();
  return buffer(Readable.from(tar as unknown as AsyncIterable<Buffer>, { objectMode: false }));
}

/** Names of a tar's entries with the content of its files; null of what is none. */
export async function entriesOf(tar: Buffer): Promise<Readonly<Record<string, string | null>>> {
  const found: Record<string, string | null> = {};
  const entries = extract();
  entries.write(tar);
  entries.end(null);
  for await (const entry of entries) {
    const content = await buffer(Readable.from(entry as unknown as AsyncIterable<Buffer>));
    found[entry.header.name] = entry.header.type === 'file' ? content.toString('utf8') : null;
  }
  return found;
}
