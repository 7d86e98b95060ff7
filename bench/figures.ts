/** What the benchmarks print: a line for each figure as it is measured, and all of them as JSON at the end. */

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it should be; empty where it only explains another. */
  readonly aim: string;
}

export interface Figures {
  tell(name: string, value: number, unit: string, aim?: string): void;
  readonly all: readonly Figure[];
}

export function createFigures(): Figures {
  const all: Figure[] = [];
  return {
    all,
    tell(name, value, unit, aim = '') {
      all.push({ name, value: Math.round(value * 1000) / 1000, unit, aim });
      const rounded = String(Math.round(value * 100) / 100);
      console.log(`${name.padEnd(74)} ${rounded.padStart(10)} ${unit.padEnd(9)} ${aim}`.trimEnd());
    },
  };
}

/** @param share from 0 to 1 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
