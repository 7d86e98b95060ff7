/** What would move it: buttons for what this role may send now, words for the rest. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { commandOf, type AllowedEvent, type Command } from '../live/api.ts';
import { commandInWords, statesInWords } from '../words.ts';

export interface EventsProps {
  readonly name: string;
  readonly events: readonly AllowedEvent[];
  /** Where it is shown what an event would lead to. */
  readonly tryOut: (event: Command) => string;
  readonly send: (event: Command) => Promise<unknown>;
}

export function Events({ name, events, tryOut, send }: EventsProps) {
  const [asking, setAsking] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const possible = events.filter(({ answer }) => answer !== 'refused');
  const refused = events.filter(({ answer }) => answer === 'refused');
  const keyOf = (event: AllowedEvent): string => JSON.stringify(commandOf(event));
  // What is shown before it is sent follows what happens meanwhile.
  const asked = events.find((event) => keyOf(event) === asking);
  const confirm = (): void => {
    setAsking(null);
    setProblem(null);
    if (asked) send(commandOf(asked)).catch((error: unknown) => setProblem((error as Error).message));
  };
  return (
    <section class="card events" aria-labelledby="events-title">
      <h2 id="events-title">What would move it</h2>
      {events.length === 0 && <p class="soft">There is nothing that you may send it.</p>}
      <ul>
        {possible.map((event) => (
          <li key={keyOf(event)}>
            <button class={isGrave(event) ? 'danger' : ''} onClick={() => setAsking(keyOf(event))}>
              {commandInWords(commandOf(event))}
            </button>
            <span class="soft small-line">
              by {event.roles.join(' or ')} ·{' '}
              <a href={tryOut(commandOf(event))} aria-label={`what if: ${commandInWords(commandOf(event))}`}>
                what if
              </a>
            </span>
            <span class="soft small-line leads-to">
              {event.answer === 'queued' ? (
                (event.reason ?? 'waits for its turn')
              ) : (
                <>
                  → <code>{statesInWords(event.to)}</code>
                </>
              )}
            </span>
          </li>
        ))}
      </ul>
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {refused.length > 0 && (
        <details>
          <summary>Not now ({refused.length})</summary>
          <ul class="refused">
            {refused.map((event) => (
              <li key={keyOf(event)}>
                <b>{commandInWords(commandOf(event))}</b> <span class="soft">{event.reason}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
      {asking !== null && (
        <Confirm
          event={asked ?? null}
          name={name}
          tryOut={tryOut}
          onYes={confirm}
          onNo={() => setAsking(null)}
        />
      )}
    </section>
  );
}

/** It ends with the actor gone, or on the way there. */
const isGrave = ({ type, starts }: AllowedEvent): boolean =>
  /delete|remove|kill/.test(type) || starts.some(({ src }) => src.startsWith('remove'));

interface ConfirmProps {
  /** As it is now; null when it is no longer there to be sent. */
  readonly event: AllowedEvent | null;
  readonly name: string;
  readonly tryOut: EventsProps['tryOut'];
  readonly onYes: () => void;
  readonly onNo: () => void;
}

/** Says what would follow, before anything is sent. */
function Confirm({ event, name, tryOut, onYes, onNo }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const isPossible = event !== null && event.answer !== 'refused';
  const fields = event ? Object.entries(commandOf(event)).filter(([field]) => field !== 'type') : [];
  return (
    <dialog ref={dialog} onClose={onNo} aria-labelledby="confirm-title">
      <h2 id="confirm-title">
        {event ? commandInWords(commandOf(event)) : 'Send'} “{name}”?
      </h2>
      {!isPossible && (
        <p class="problem">
          It has moved meanwhile, and refuses this now{event?.reason ? `: ${event.reason}` : '.'}
        </p>
      )}
      {event && isPossible && (
        <>
          <p>
            Sends <code>{event.type}</code>
            {fields.map(([field, value]) => (
              <span key={field}>
                , {field} <code>{String(value)}</code>
              </span>
            ))}
            .
          </p>
          {event.answer === 'queued' ? (
            <p>It is taken, and waits: {event.reason}.</p>
          ) : (
            <p>
              It goes to <code>{statesInWords(event.to)}</code>
              {event.starts.length === 0 ? ', and sets nothing off.' : ', and then waits for:'}
            </p>
          )}
          <ul>
            {event.starts.map(({ invokeId, description }) => (
              <li key={invokeId}>{description}</li>
            ))}
          </ul>
          <p>
            <a href={tryOut(commandOf(event))}>What would this do?</a>
          </p>
        </>
      )}
      <div class="dialog-buttons">
        <button onClick={onNo} autofocus>
          Cancel
        </button>
        <button class={event && isGrave(event) ? 'danger' : 'primary'} disabled={!isPossible} onClick={onYes}>
          {event ? commandInWords(commandOf(event)) : 'Send'}
        </button>
      </div>
    </dialog>
  );
}
