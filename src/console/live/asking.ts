/** What is asked of the API for a page, and asked again when an actor that it is about has moved. */
import { useEffect, useState } from 'preact/hooks';
import { later } from '../browser.ts';
import { onChange } from './world.ts';

export interface Asked<T> {
  readonly answer: T | null;
  /** In words; what was answered before stays. */
  readonly problem: string | null;
}

/** Between two askings, ms: of what moves all the time the last move counts. */
const pauseMs = 500;

/**
 * @param question says whether it is the same question
 * @param isAbout whether a change of this actor (by its key; null = of any) may change the answer
 */
export function useAnswer<T>(
  question: string,
  ask: () => Promise<T>,
  isAbout: (key: string | null, answer: T) => boolean,
): Asked<T> {
  const [asked, setAsked] = useState<Asked<T>>({ answer: null, problem: null });
  useEffect(() => {
    let isOver = false;
    let due: (() => void) | null = null;
    let last: T | null = null;
    const read = (): void => {
      due = null;
      ask().then(
        (answer) => {
          last = answer;
          if (!isOver) setAsked({ answer, problem: null });
        },
        (error: unknown) =>
          !isOver && setAsked((before) => ({ ...before, problem: (error as Error).message })),
      );
    };
    setAsked({ answer: null, problem: null });
    read();
    const stop = onChange((key) => {
      if (last !== null && isAbout(key, last)) due ??= later(pauseMs, read);
    });
    return () => {
      isOver = true;
      stop();
      due?.();
    };
  }, [question]);
  return asked;
}
