import { clock, now } from '../browser.ts';
import { connection, logOut, session } from '../live/session.ts';
import { ageMs } from '../live/world.ts';
import { linkTo, route } from '../router.ts';
import { nextTheme, theme } from '../theme.ts';
import { age } from '../words.ts';
import { Mark } from './login.tsx';

export function Header() {
  const { value } = session;
  const [first] = route.value.path;
  const current = (is: boolean) => (is ? { 'aria-current': 'page' as const } : {});
  return (
    <header class="top">
      <a class="skip" href="#main" onClick={toMain}>
        Skip to content
      </a>
      <a class="brand" href={linkTo([])} aria-label="Troupe, overview">
        <Mark /> <span>Troupe</span>
      </a>
      {value && (
        <nav aria-label="Views">
          <a href={linkTo([])} {...current(first === undefined)}>
            Overview
          </a>
          <a href={linkTo(['chart', 'container'])} {...current(first === 'chart')}>
            Charts
          </a>
          <a href={linkTo(['what-if'])} {...current(first === 'what-if')}>
            What if
          </a>
        </nav>
      )}
      <span class="grow" />
      {value && <ConnectionSign />}
      {value && (
        <span class="who" title={`Project ${value.identity.project_name}`}>
          {value.identity.user_name}
          {value.identity.admin ? (
            <b class="tag">admin</b>
          ) : (
            <span class="soft"> · {value.identity.project_name}</span>
          )}
        </span>
      )}
      <button
        class="quiet"
        onClick={nextTheme}
        aria-label={`Colours: ${theme.value}; change`}
        title="Light, dark, or as the system"
      >
        {{ system: '◐', light: '☀', dark: '☾' }[theme.value]}
      </button>
      {value ? (
        <button class="quiet" onClick={() => logOut()}>
          Log out
        </button>
      ) : (
        <a class="button quiet" href={linkTo([])}>
          Log in
        </a>
      )}
    </header>
  );
}

function toMain(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

/** Whether what is shown is how it is now. */
function ConnectionSign() {
  const { value } = connection;
  if (value.state === 'lost') {
    return (
      <span class="connection bad" role="status" data-connection="lost">
        <i class="dot" /> stale for {age(ageMs(value.since, Math.max(clock.value, now())))}
        <span class="wide-only"> ({value.why}); trying again</span>
      </span>
    );
  }
  return (
    <span
      class={`connection ${value.state === 'live' ? 'good' : 'moving'}`}
      role="status"
      data-connection={value.state}
    >
      <i class="dot" /> {value.state === 'live' ? 'live' : 'connecting'}
    </span>
  );
}
