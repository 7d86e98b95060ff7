import { useId } from 'preact/hooks';
import { isLoggingIn, logIn, loginProblem } from '../live/session.ts';
import { OpenJournal } from './open-journal.tsx';

export function Login() {
  const id = useId();
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const token = new FormData(event.currentTarget as HTMLFormElement).get('token');
    if (typeof token === 'string' && token.trim() !== '') void logIn(token.trim());
  };
  return (
    <main class="login">
      <form onSubmit={submit} class="card">
        <h1>
          <Mark /> Troupe
        </h1>
        <label for={id}>Token</label>
        <input
          id={id}
          name="token"
          type="password"
          autocomplete="off"
          autofocus
          required
          aria-describedby={`${id}-hint`}
        />
        <p class="soft" id={`${id}-hint`}>
          The admin’s is in <code>admin.token</code> of the state directory. It stays in this tab.
        </p>
        {loginProblem.value !== null && (
          <p class="problem" role="alert">
            {loginProblem.value}
          </p>
        )}
        <button class="primary" disabled={isLoggingIn.value}>
          {isLoggingIn.value ? 'Logging in…' : 'Log in'}
        </button>
        <OpenJournal />
      </form>
    </main>
  );
}

/** The sign of the product. */
export const Mark = () => (
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <rect class="ground" x="2" y="3" width="28" height="26" rx="7" />
    <rect class="lit" x="7" y="8" width="10" height="7" rx="2" />
    <rect class="unlit" x="15" y="18" width="10" height="7" rx="2" />
    <path class="unlit" d="M12 15v6.500h3" />
  </svg>
);
