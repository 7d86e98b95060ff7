/** What the command line writes: data on stdout, everything else on stderr, colour only for people. */
import Table from 'cli-table3';
import colours from 'picocolors';

export interface Terminal {
  /** Data. */
  out(data: string | Uint8Array): void;
  /** Messages and progress. */
  say(text: string): void;
  /** Resolves once what was written to `out` has been taken; who waits for it outruns no slow reader. */
  drained(): Promise<void>;
  /** Whether who reads `out` sees colours. */
  readonly colour: boolean;
  /** Null where `out` is no terminal. */
  size(): TerminalSize | null;
  /** Calls `handler` at each change of size, until what it answers is called. */
  onResize(handler: () => void): () => void;
}

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** What is typed, or comes through a pipe. */
export interface Keyboard {
  readonly isTerminal: boolean;
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Hands on each key as it is pressed, Ctrl-C too, until what it answers is called. */
  raw(): () => void;
}

export type Format = 'table' | 'json';

/** A column's heading, and what stands there of an item. */
export type Columns<T> = Readonly<Record<string, (item: T) => unknown>>;

/** A list: the objects themselves as a JSON array, or some of them as a table. */
export function printList<T>(
  terminal: Terminal,
  format: Format,
  items: readonly T[],
  columns: Columns<T>,
): void {
  if (format === 'json') return printJson(terminal, items);
  const { bold } = colours.createColors(terminal.colour);
  const table = bare(Object.keys(columns).map((heading) => bold(heading.toUpperCase())));
  for (const item of items)
    table.push(
      Object.entries(columns).map(([heading, read]) => painted(terminal, heading, cell(read(item)))),
    );
  terminal.out(withoutTrailingBlanks(table.toString()));
}

/** One object, field by field. */
export function printOne(terminal: Terminal, format: Format, item: Readonly<Record<string, unknown>>): void {
  if (format === 'json') return printJson(terminal, item);
  const { bold } = colours.createColors(terminal.colour);
  const table = bare([]);
  for (const [key, value] of Object.entries(item))
    if (key !== 'links') table.push([bold(key), painted(terminal, key, cell(value))]);
  terminal.out(withoutTrailingBlanks(table.toString()));
}

export function printJson(terminal: Terminal, value: unknown): void {
  terminal.out(`${JSON.stringify(value, null, 2)}\n`);
}

/** Rows under headings, with nothing drawn around them, so that they can be cut and searched. */
const bare = (head: string[]) =>
  new Table({
    head,
    chars: {
      top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '',
      'bottom-right': '', left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ',
    }, // prettier-ignore
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });

const withoutTrailingBlanks = (text: string): string =>
  text === '' ? '' : `${text.replaceAll(/[^\S\n]+$/gm, '')}\n`;

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  // What a user may have put there (a name, a label, an engine's message) draws nothing on the terminal of another.
  return text.replaceAll(/\p{Cc}/gu, ' ');
}

const good = new Set(['Running', 'online', 'open', 'true']);
const bad = new Set(['Error', 'Dead', 'lost', 'false']);
const passing = new Set(['Unknown', 'Creating', 'Restarting', 'Deleting', 'Paused', 'suspect', 'syncing', 'joining', 'cordoned']); // prettier-ignore
const stateColumns = new Set(['status', 'state', 'admission', 'ok']);

function painted({ colour }: Terminal, heading: string, text: string): string {
  if (!stateColumns.has(heading)) return text;
  const { green, red, yellow } = colours.createColors(colour);
  return good.has(text) ? green(text) : bad.has(text) ? red(text) : passing.has(text) ? yellow(text) : text;
}
