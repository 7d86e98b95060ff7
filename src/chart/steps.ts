/** Steps that lead to steps, across actors, in the order in which they are read. */

export interface LinkedStep {
  /** Index of the step that led to it; null for a first one. */
  readonly by: number | null;
  readonly address: string;
}

export interface ReadStep<T> {
  readonly step: T;
  /** Its index in the list. */
  readonly index: number;
  /** How many actors lie between it and what began it: what one actor goes through stands below each other. */
  readonly depth: number;
}

/** Each after the one that led to it: first what that led to at others, then how it goes on itself. */
export function readingOrder<T extends LinkedStep>(steps: readonly T[]): readonly ReadStep<T>[] {
  const led = new Map<number | null, number[]>();
  for (const [index, { by }] of steps.entries()) led.set(by, [...(led.get(by) ?? []), index]);
  const ordered: ReadStep<T>[] = [];
  // A stack, since one actor's way may be a thousand steps.
  const open = (led.get(null) ?? []).map((index) => ({ index, depth: 0 })).reverse();
  for (let next = open.pop(); next; next = open.pop()) {
    const { index, depth } = next;
    const step = steps[index]!;
    ordered.push({ step, index, depth });
    const children = led.get(index) ?? [];
    const isOwn = (child: number): boolean => steps[child]!.address === step.address;
    for (const child of children.filter(isOwn).reverse()) open.push({ index: child, depth });
    for (const child of children.filter((each) => !isOwn(each)).reverse())
      open.push({ index: child, depth: depth + 1 });
  }
  return ordered;
}
