/** Times, ages and causes as people read them. */
import { eventInWords } from '../chart/definition.ts';
import { partsOf } from './live/actor.ts';
import type { JournalRecord } from '../model/journal.ts';

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** `2 h 5 m`, `12 s`; below a second in ms. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const at = units.findIndex(([, size]) => ms >= size);
  const [unit, size] = units[at]!;
  const smaller = units[at + 1];
  const rest = smaller ? Math.floor((ms % size) / smaller[1]) : 0;
  return `${Math.floor(ms / size)} ${unit}${rest > 0 && smaller ? ` ${rest} ${smaller[0]}` : ''}`;
}

/** The largest unit only, for columns. */
export const age = (ms: number): string =>
  ms < 1_000 ? 'now' : duration(ms).split(' ').slice(0, 2).join(' ');

/** With a binary prefix, for a unit to follow: `1.5 Mi`. */
export function amount(value: number): string {
  const prefixes = ['', 'Ki', 'Mi', 'Gi', 'Ti'];
  const power = Math.min(prefixes.length - 1, value < 1 ? 0 : Math.floor(Math.log2(value) / 10));
  const scaled = value / 1024 ** power;
  return `${scaled >= 100 || power === 0 ? Math.round(scaled) : scaled.toFixed(1)} ${prefixes[power]}`;
}

const clockFormat = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hourCycle: 'h23',
});
const dateFormat = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hourCycle: 'h23',
});

/** Local time of day, to the millisecond. */
export const clockTime = (at: number): string => clockFormat.format(at);
export const dateTime = (at: number): string => dateFormat.format(at);

export const statesInWords = (paths: readonly string[]): string => paths.join(' + ') || 'nothing yet';

export interface CauseInWords {
  readonly text: string;
  /** Another actor that has a page, and the moment there that led to it. */
  readonly actor: { readonly kind: string; readonly id: string; readonly at: string | null } | null;
  readonly requestId: string | null;
}

/** Who or what led to it. */
export function causeInWords({ cause }: Pick<JournalRecord, 'cause'>): CauseInWords {
  const requestId = 'requestId' in cause ? cause.requestId : null;
  switch (cause.kind) {
    case 'request':
      return { text: `asked by ${cause.userId}`, actor: null, requestId };
    case 'actor': {
      const { kind, id } = partsOf(cause.address);
      return { text: `told by ${kind}`, actor: { kind, id, at: String(cause.revision) }, requestId };
    }
    case 'operation':
      return {
        text: cause.src === 'deadline' ? 'a deadline' : `the end of ${cause.src}`,
        actor: null,
        requestId,
      };
    case 'agent':
      return { text: 'seen by the host', actor: { kind: 'host', id: cause.hostId, at: null }, requestId };
    case 'runtime':
      return { text: cause.reason, actor: null, requestId };
  }
}

export const eventOf = ({ event }: Pick<JournalRecord, 'event'>): string => eventInWords(event.type);

/** A command as a button: `container.delete` with `mode: stop` → `delete (stop)`. */
export function commandInWords({
  type,
  ...fields
}: {
  readonly type: string;
  readonly [field: string]: unknown;
}): string {
  const verb = type.slice(type.indexOf('.') + 1);
  const words = Object.values(fields).filter((value) => typeof value === 'string');
  return words.length === 0 ? verb : `${verb} (${words.join(', ')})`;
}
