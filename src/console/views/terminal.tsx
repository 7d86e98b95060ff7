/** A terminal of a container: for a further command in it, or at its main process. */
import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { readsAloudStore } from '../browser.ts';
import type { Lifecycle, PermittedService } from '../live/api.ts';
import { pathOfActor } from '../live/actor.ts';
import { call } from '../live/session.ts';
import { beginSession, type SessionEnd, type TerminalSession, type Wish } from '../live/terminal.ts';
import { choose } from '../router.ts';
import type { Screen } from '../terminal/screen.ts';
import { theme } from '../theme.ts';

/** What of a container's spec says how one is attached to it. */
interface Attachable {
  readonly interactive: boolean;
  readonly tty: boolean;
}

type Phase =
  { readonly kind: 'idle' | 'beginning' | 'open' } | { readonly kind: 'over'; readonly end: SessionEnd };

const usualShell = '/bin/sh';
const touchKeys = [
  ['Ctrl+C', '\u0003'],
  ['Ctrl+D', '\u0004'],
  ['Esc', '\u001B'],
  ['Tab', '\t'],
  ['↑', '\u001B[A'],
  ['↓', '\u001B[B'],
] as const;
/** Loaded with the first terminal that is opened. */
const loadScreen = () => import('../terminal/screen.ts');

/** Of the services that are offered, those that are a terminal. */
export const terminalsOf = (lifecycle: Lifecycle | null): readonly PermittedService[] =>
  (lifecycle?.services ?? []).filter(
    ({ type }) => type === 'container.execute' || type === 'container.attach',
  );

export interface TerminalProps {
  readonly id: string;
  readonly name: string;
  readonly lifecycle: Lifecycle;
}

export function TerminalView({ id, name, lifecycle }: TerminalProps) {
  const [wish, setWish] = useState<Wish | null>(null);
  const [phase, setPhase] = useState<Phase>({ kind: 'idle' });
  const [command, setCommand] = useState(usualShell);
  const [readsAloud, setReadsAloud] = useState(readsAloudStore.read);
  const frame = useRef<HTMLDivElement>(null);
  const screen = useRef<Screen | null>(null);
  const session = useRef<TerminalSession | null>(null);
  const spec = useSpec(id);
  const isOn = phase.kind === 'beginning' || phase.kind === 'open';

  useEffect(() => {
    const { current } = frame;
    if (wish === null || !current) return;
    const isTerminal = wish.kind === 'execute' || wish.tty;
    let isWanted = true;
    const over = (end: SessionEnd): void => {
      if (!isWanted) return;
      screen.current?.stop();
      // It takes no keys any more.
      if (current.contains(document.activeElement)) current.focus();
      setPhase({ kind: 'over', end });
    };
    const begin = async (): Promise<void> => {
      const { openScreen } = await loadScreen();
      if (!isWanted) return;
      const opened = openScreen({
        frame: current,
        isTerminal,
        readsAloud: readsAloudStore.read(),
        typed: (text) => session.current?.type(text),
        resized: (size) => session.current?.resize(size),
        left: () => current.focus(),
      });
      screen.current = opened;
      session.current = beginSession(id, wish, opened.size(), {
        opened() {
          if (!isWanted) return;
          setPhase({ kind: 'open' });
          if (isTerminal) opened.focus();
        },
        shown: (bytes) => opened.write(bytes),
        over,
      });
    };
    begin().catch((error: unknown) =>
      over({ words: `The terminal can’t be shown: ${(error as Error).message}`, isFailure: true }),
    );
    return () => {
      isWanted = false;
      session.current?.leave();
      screen.current?.close();
      session.current = screen.current = null;
    };
  }, [wish]);

  useSignalEffect(() => {
    void theme.value;
    // The page has its new colours once this is over.
    queueMicrotask(() => screen.current?.recolour());
  });

  const begin = (next: Wish): void => {
    setPhase({ kind: 'beginning' });
    setWish(next);
  };
  const readAloud = (is: boolean): void => {
    readsAloudStore.write(is);
    setReadsAloud(is);
    screen.current?.readAloud(is);
  };
  const hasKeys = wish !== null && (wish.kind === 'execute' || wish.tty);
  return (
    <section class="card terminal" aria-labelledby="terminal-title">
      <div class="history-head">
        <h2 id="terminal-title">Terminal</h2>
        <span class="soft grow" role="status">
          {phase.kind === 'beginning' && 'connecting…'}
          {phase.kind === 'open' && wish && (
            <>
              at {wish.kind === 'execute' ? <code>{wish.command}</code> : 'the main process'} of {name}
            </>
          )}
        </span>
        {isOn && (
          <button class="quiet" onClick={() => session.current?.leave()}>
            Disconnect
          </button>
        )}
        <button class="quiet" onClick={() => choose({ terminal: null })}>
          Close
        </button>
      </div>
      {phase.kind === 'over' && (
        <p
          class={phase.end.isFailure ? 'problem' : 'session-end'}
          role={phase.end.isFailure ? 'alert' : 'status'}
        >
          {phase.end.words}
        </p>
      )}
      {!isOn && (
        <Beginnings
          lifecycle={lifecycle}
          spec={spec}
          command={command}
          isAgain={phase.kind === 'over'}
          change={setCommand}
          begin={begin}
        />
      )}
      <div
        ref={frame}
        class="terminal-frame"
        hidden={wish === null}
        role="group"
        aria-label={`Terminal of ${name}`}
        aria-describedby="terminal-keys"
        tabIndex={0}
        onClick={() => screen.current?.focus()}
        onKeyDown={(event) => {
          if (event.target !== event.currentTarget || event.key !== 'Enter' || event.ctrlKey) return;
          event.preventDefault();
          screen.current?.focus();
        }}
      />
      {phase.kind === 'open' && !hasKeys && <Line send={(line) => session.current?.type(`${line}\n`)} />}
      {phase.kind === 'open' && hasKeys && (
        <div class="touch-keys" role="group" aria-label="Keys that a screen’s keyboard lacks">
          {touchKeys.map(([label, key]) => (
            <button
              key={label}
              // The terminal stays entered, and the screen's keyboard where it is.
              onPointerDown={(event) => event.preventDefault()}
              onClick={() => screen.current?.press(key)}
            >
              {label}
            </button>
          ))}
        </div>
      )}
      <div class="terminal-foot">
        {wish !== null && (
          <p id="terminal-keys" class="soft small-line">
            {hasKeys ? (
              <>
                Keys go to the container, Tab and Escape too. <kbd>Ctrl+Shift+Enter</kbd> leaves the terminal,{' '}
                <kbd>Enter</kbd> goes back in; <kbd>Ctrl+Shift+C</kbd> copies.
              </>
            ) : (
              'It has no terminal of its own: its output is shown as it is written, and lines are sent whole.'
            )}
          </p>
        )}
        <label class="choice">
          <input
            type="checkbox"
            checked={readsAloud}
            onChange={({ currentTarget }) => readAloud(currentTarget.checked)}
          />
          for screen readers
        </label>
      </div>
    </section>
  );
}

interface BeginningsProps extends Pick<TerminalProps, 'lifecycle'> {
  /** Null before it was told. */
  readonly spec: Attachable | null;
  readonly command: string;
  readonly isAgain: boolean;
  readonly change: (command: string) => void;
  readonly begin: (wish: Wish) => void;
}

/** What can be begun now, or why nothing can. */
function Beginnings({ lifecycle, spec, command, isAgain, change, begin }: BeginningsProps) {
  const permitted = terminalsOf(lifecycle).filter(({ answer }) => answer !== 'refused');
  const may = (type: string): boolean => permitted.some((service) => service.type === type);
  if (permitted.length === 0) {
    return (
      <p class="no-terminal">
        There is no terminal now: it is {lifecycle.status}.{' '}
        {lifecycle.reason !== null && <span class="soft">{lifecycle.reason}</span>}
      </p>
    );
  }
  return (
    <div class="beginnings">
      {may('container.execute') && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            begin({ kind: 'execute', command });
          }}
        >
          <label for="terminal-command">A further command</label>
          <span class="command-line">
            <input
              id="terminal-command"
              required
              spellcheck={false}
              autocapitalize="off"
              autocomplete="off"
              value={command}
              onInput={({ currentTarget }) => change(currentTarget.value)}
            />
            <button class="primary">{isAgain ? 'Start anew' : 'Start'}</button>
          </span>
          <span class="soft small-line">
            It gets a terminal of its own. Whoever leaves it ends nothing: end a shell by <code>exit</code>.
          </span>
        </form>
      )}
      {may('container.attach') && spec && (
        <div class="attach">
          <b>Its main process</b>
          {spec.interactive ? (
            <>
              <button onClick={() => begin({ kind: 'attach', tty: spec.tty })}>Attach</button>
              <span class="soft small-line">
                {spec.tty
                  ? 'It has a terminal, which all who are attached share: Ctrl+C there may end the container.'
                  : 'It has no terminal: you see what it writes from now on, and send it whole lines.'}
              </span>
            </>
          ) : (
            <span class="soft small-line">
              It was created without stdin (<code>interactive</code>), so that nobody can be attached to it;
              its output is in the log.
            </span>
          )}
        </div>
      )}
    </div>
  );
}

/** For a stdin that is no terminal: nothing is sent before it is whole. */
function Line({ send }: { readonly send: (line: string) => void }) {
  const [text, setText] = useState('');
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  return (
    <form
      class="command-line"
      onSubmit={(event) => {
        event.preventDefault();
        send(text);
        setText('');
      }}
    >
      <input
        ref={field}
        aria-label="A line for its stdin"
        placeholder="a line for its stdin"
        spellcheck={false}
        autocapitalize="off"
        autocomplete="off"
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
      />
      <button>Send</button>
    </form>
  );
}

function useSpec(id: string): Attachable | null {
  const [spec, setSpec] = useState<Attachable | null>(null);
  useEffect(() => {
    let isWanted = true;
    // Without it there is no attaching, and all else goes on.
    call<Attachable>('GET', pathOfActor('container', id)).then(
      (found) => isWanted && setSpec(found),
      () => {},
    );
    return () => {
      isWanted = false;
    };
  }, [id]);
  return spec;
}
