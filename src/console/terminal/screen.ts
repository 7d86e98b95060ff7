/** A terminal on the page, drawn by xterm.js: a chunk of its own, loaded when the first is opened. */
import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { later, onColourScheme } from '../browser.ts';
import type { TerminalSize } from '../live/terminal.ts';
import { adoptStyles } from './adopted-styles.ts';
import { coloursAt } from './colours.ts';

export interface ScreenOptions {
  /** Fills it, as far as whole characters do; its font is the terminal's. */
  readonly frame: HTMLElement;
  /** False for a process without a terminal: lines end as they are written, and keys go nowhere. */
  readonly isTerminal: boolean;
  readonly readsAloud: boolean;
  readonly typed: (text: string) => void;
  readonly resized: (size: TerminalSize) => void;
  /** By its keys, see `isWayOut`. */
  readonly left: () => void;
}

export interface Screen {
  size(): TerminalSize;
  /** Resolves once the terminal has taken it, so that who waits for it outruns no slow one. */
  write(bytes: Uint8Array): Promise<void>;
  /** As if its key were pressed. */
  press(key: string): void;
  focus(): void;
  /** Keys no longer go anywhere. */
  stop(): void;
  readAloud(is: boolean): void;
  recolour(): void;
  close(): void;
}

/** A frame that is being drawn out changes many times: it is fitted once that has come to rest, ms. */
const restMs = 100;
const scrollback = 5_000;

export function openScreen({ frame, isTerminal, readsAloud, typed, resized, left }: ScreenOptions): Screen {
  const restoreStyles = adoptStyles(frame.ownerDocument);
  const terminal = new Terminal({
    ...fontOf(frame),
    theme: coloursAt(frame),
    lineHeight: 1.15,
    // As the rest of the page: WCAG 2.2, 1.4.3.
    minimumContrastRatio: 4.5,
    cursorBlink: false,
    scrollback,
    convertEol: !isTerminal,
    disableStdin: !isTerminal,
    screenReaderMode: readsAloud,
  });
  const fitter = new FitAddon();
  terminal.loadAddon(fitter);
  terminal.open(frame);
  // It is entered by the frame around it, so that Tab passes it by.
  if (terminal.textarea) terminal.textarea.tabIndex = -1;
  fitter.fit();
  terminal.onData(typed);
  terminal.onResize(({ rows, cols }) => resized({ rows, columns: cols }));
  terminal.attachCustomKeyEventHandler((event) => {
    // One that takes no keys leaves them to the page: Tab goes on.
    if (terminal.options.disableStdin) return false;
    if (event.type !== 'keydown') return true;
    if (isWayOut(event)) left();
    else if (isCopy(event)) frame.ownerDocument.execCommand('copy');
    else return true;
    event.preventDefault();
    return false;
  });

  let due: (() => void) | null = null;
  const observer = new ResizeObserver(() => {
    due?.();
    due = later(restMs, () => {
      due = null;
      Object.assign(terminal.options, fontOf(frame));
      fitter.fit();
    });
  });
  observer.observe(frame);
  const recolour = (): void => {
    terminal.options.theme = coloursAt(frame);
  };
  const stopColours = onColourScheme(recolour);

  return {
    size: () => ({ rows: terminal.rows, columns: terminal.cols }),
    write: (bytes) => new Promise((taken) => terminal.write(bytes, taken)),
    press(key) {
      const isArrow = key.startsWith('\u001B[');
      terminal.input(isArrow && terminal.modes.applicationCursorKeysMode ? key.replace('[', 'O') : key);
    },
    focus: () => terminal.focus(),
    stop() {
      terminal.options.disableStdin = true;
    },
    readAloud(is) {
      terminal.options.screenReaderMode = is;
    },
    recolour,
    close() {
      due?.();
      observer.disconnect();
      stopColours();
      terminal.dispose();
      restoreStyles();
    },
  };
}

function fontOf(frame: HTMLElement): { readonly fontFamily: string; readonly fontSize: number } {
  const { fontFamily, fontSize } = getComputedStyle(frame);
  return { fontFamily, fontSize: parseFloat(fontSize) };
}

/** All other keys are the process's, Tab and Escape too. @see WCAG 2.2, 2.1.2 */
const isWayOut = ({ key, ctrlKey, shiftKey }: KeyboardEvent): boolean =>
  key === 'Enter' && ctrlKey && shiftKey;

/** Ctrl+C is the process's. */
const isCopy = ({ code, ctrlKey, shiftKey }: KeyboardEvent): boolean =>
  code === 'KeyC' && ctrlKey && shiftKey;
