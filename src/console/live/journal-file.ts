/** A journal as a file: exported from a page, opened again without a server. */
import { signal } from '@preact/signals';
import type { ChartNode } from '../../chart/definition.ts';
import type { JournalRecord } from '../../model/journal.ts';

export interface JournalFile {
  readonly format: 'troupe-journal';
  readonly version: 1;
  readonly kind: string;
  readonly id: string;
  readonly name: string;
  readonly exported_at: string;
  /** By version. */
  readonly charts: Readonly<Record<string, ChartNode>>;
  readonly history: readonly JournalRecord[];
}

export const openedJournal = signal<JournalFile | null>(null);

/** @throws Error in words for what is no journal */
export function openJournal(text: string): void {
  let parsed: Partial<JournalFile> | null = null;
  try {
    parsed = JSON.parse(text) as Partial<JournalFile>;
  } catch {
    // Told below, in words.
  }
  if (parsed?.format !== 'troupe-journal' || parsed.version !== 1)
    throw new Error('This file is no journal that Troupe has exported.');
  const isWhole =
    typeof parsed.kind === 'string' &&
    Array.isArray(parsed.history) &&
    parsed.history.length > 0 &&
    parsed.history.every(({ chartVersion }) => parsed.charts?.[chartVersion] !== undefined);
  if (!isWhole) throw new Error('This journal has no records, or not the charts that they are on.');
  openedJournal.value = parsed as JournalFile;
}
