/** Light, dark, or as the system has it. */
import { signal } from '@preact/signals';
import { themeStore, type Theme } from './browser.ts';

export const theme = signal<Theme>(themeStore.read());

const following: Readonly<Record<Theme, Theme>> = { system: 'light', light: 'dark', dark: 'system' };

export function nextTheme(): void {
  theme.value = following[theme.value];
  themeStore.write(theme.value);
}
