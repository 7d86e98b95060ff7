/** A terminal's colours: those of the page, as `style.css` has them, in light and dark. */
import type { ITheme } from '@xterm/xterm';

/** What xterm.js calls a colour, and what the page does. Bright ones are no other colours: bold says it. */
const names = {
  background: 'terminal',
  foreground: 'ink',
  cursor: 'accent',
  cursorAccent: 'terminal',
  selectionBackground: 'terminal-selection',
  selectionInactiveBackground: 'terminal-selection',
  black: 'black',
  red: 'bad',
  green: 'good',
  yellow: 'warn',
  blue: 'moving',
  magenta: 'magenta',
  cyan: 'accent',
  white: 'white',
  brightBlack: 'plain',
  brightRed: 'bad',
  brightGreen: 'good',
  brightYellow: 'warn',
  brightBlue: 'moving',
  brightMagenta: 'magenta',
  brightCyan: 'accent',
  brightWhite: 'white',
} as const satisfies ITheme;

/** As they are where the element is, now. */
export function coloursAt(element: HTMLElement): ITheme {
  const probe = element.appendChild(element.ownerDocument.createElement('i'));
  const colours = Object.fromEntries(
    Object.entries(names).map(([name, ours]) => {
      probe.style.color = `var(--${ours})`;
      return [name, getComputedStyle(probe).color];
    }),
  );
  probe.remove();
  return colours;
}
