/** What the command line writes: data on stdout, everything else on stderr, colour only for people. */
import Table from 'cli-table3';

export interface Terminal {
  /** Data. */
  out(text: string): void;
  /** Messages and progress. */
  say(text: string): void;
  readonly colour: boolean;
}

export type Format = 'table' | 'json';

/** The API's objects as JSON, or some of their fields as a table. */
export function print(
  terminal: Terminal,
  format: Format,
  items: readonly Record<string, unknown>[],
  columns: readonly string[],
): void {
  if (format === 'json') return terminal.out(`${JSON.stringify(items, null, 2)}\n`);
  const table = new Table({
    head: [...columns],
    style: { head: terminal.colour ? ['cyan'] : [], border: [], compact: true },
  });
  for (const item of items) table.push(columns.map((column) => cell(item[column])));
  terminal.out(`${table.toString()}\n`);
}

/** One object, field by field. */
export function printOne(terminal: Terminal, format: Format, item: Record<string, unknown>): void {
  if (format === 'json') return terminal.out(`${JSON.stringify(item, null, 2)}\n`);
  const table = new Table({ style: { head: [], border: [], compact: true } });
  for (const [key, value] of Object.entries(item)) if (key !== 'links') table.push([key, cell(value)]);
  terminal.out(`${table.toString()}\n`);
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
