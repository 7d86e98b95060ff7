/** Steps that lead to steps, across actors, as one tree: what others do stands below what led to it. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { readingOrder, type LinkedStep } from '../../chart/steps.ts';
import { partsOf } from '../live/actor.ts';
import { linkTo } from '../router.ts';
import { statesInWords } from '../words.ts';

/** Deeper ones are not moved further in. */
const deepest = 8;

export interface StepsProps<T extends LinkedStep> {
  readonly label: string;
  readonly steps: readonly T[];
  readonly row: (step: T) => ComponentChildren;
  readonly isMarked?: (step: T) => boolean;
}

export function Steps<T extends LinkedStep>({ label, steps, row, isMarked }: StepsProps<T>) {
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    list.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'center' });
  }, [steps.length > 0]);
  return (
    <ol class="steps" aria-label={label} tabIndex={0} ref={list}>
      {readingOrder(steps).map(({ step, index, depth }) => (
        <li
          key={index}
          style={{ '--depth': Math.min(depth, deepest) }}
          {...(isMarked?.(step) ? { 'aria-current': 'step' as const } : {})}
        >
          {row(step)}
        </li>
      ))}
    </ol>
  );
}

/** @param at a revision: the moment that is meant */
export function ActorLink({
  address,
  name,
  at = null,
}: {
  address: string;
  name: string | null;
  at?: string | null;
}) {
  const { kind, id } = partsOf(address);
  return (
    <span class="actor-link">
      <span class="kind">{kind}</span>{' '}
      <a href={linkTo([kind, id], { at })} title={id}>
        {name ?? (id.length > 30 ? `${id.slice(0, 8)}…` : id)}
      </a>
    </span>
  );
}

export const Move = ({ from, to }: { from: readonly string[]; to: readonly string[] }) =>
  from.join() === to.join() ? (
    <span class="soft">stays</span>
  ) : (
    <>
      → <code>{statesInWords(to)}</code>
    </>
  );
