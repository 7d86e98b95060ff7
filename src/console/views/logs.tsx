/** A container's log, followed; kept at its end unless one has scrolled away from it. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { later } from '../browser.ts';
import { pathOfActor } from '../live/actor.ts';
import { followLog } from '../live/logs.ts';
import { session } from '../live/session.ts';
import { choose } from '../router.ts';

/** Characters that are kept of it. */
const keptMost = 200_000;
/** How often what was written meanwhile is drawn, ms. */
const drawMs = 100;
/** Colours and cursor moves of terminals. @see ECMA-48 */
// oxlint-disable-next-line no-control-regex
const controlSequences = /\u001B\[[0-?]*[ -/]*[@-~]|\r(?=\n)/g;

export function Logs({ id }: { id: string }) {
  const [text, setText] = useState('');
  const [end, setEnd] = useState<string | null>(null);
  const [round, setRound] = useState(0);
  const box = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);

  useEffect(() => {
    const leaving = new AbortController();
    let waiting = '';
    let cancel: (() => void) | null = null;
    const draw = (): void => {
      cancel = null;
      const more = waiting.replace(controlSequences, '');
      waiting = '';
      setText((before) => (before + more).slice(-keptMost));
    };
    setText('');
    setEnd(null);
    followLog(
      session.value?.token ?? '',
      pathOfActor('container', id),
      (more) => {
        waiting += more;
        cancel ??= later(drawMs, draw);
      },
      leaving.signal,
    ).then(
      () => setEnd('It ended with the container’s run.'),
      (error: unknown) => !leaving.signal.aborted && setEnd((error as Error).message),
    );
    return () => {
      leaving.abort();
      cancel?.();
    };
  }, [id, round]);

  useLayoutEffect(() => {
    if (box.current && isAtEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text]);

  return (
    <section class="card logs" aria-labelledby="logs-title">
      <div class="history-head">
        <h2 id="logs-title">Log</h2>
        <span class="soft grow">{end ?? 'followed as it is written'}</span>
        {end !== null && (
          <button class="quiet" onClick={() => setRound(round + 1)}>
            Follow again
          </button>
        )}
        <button class="quiet" onClick={() => choose({ log: null })}>
          Close
        </button>
      </div>
      <pre
        ref={box}
        tabIndex={0}
        aria-label="Log"
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          isAtEnd.current = scrollHeight - scrollTop - clientHeight < 20;
        }}
      >
        {text}
      </pre>
    </section>
  );
}
