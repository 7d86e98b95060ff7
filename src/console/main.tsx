/** The operators' console: everything it shows is in the API, too. */
import { effect } from '@preact/signals';
import { render } from 'preact';
import { resumeSession } from './live/session.ts';
import './style.css';
import { theme } from './theme.ts';
import { App } from './views/app.tsx';

effect(() => {
  if (theme.value === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme.value;
});
render(<App />, document.getElementById('console')!);
void resumeSession();
