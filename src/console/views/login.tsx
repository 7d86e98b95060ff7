import { useEffect, useId, useState } from 'preact/hooks';
import { choice, chooseNone, chooseProject, learnWays, logInByName, typed, ways } from '../live/by-name.ts';
import { isLoggingIn, logIn, loginProblem } from '../live/session.ts';
import { OpenJournal } from './open-journal.tsx';

export function Login() {
  useEffect(() => void learnWays(), []);
  const [wanted, setWanted] = useState<'keystone' | 'token'>('keystone');
  const both = ways.value.methods.includes('keystone');
  const byName = both && wanted === 'keystone';
  return (
    <main class="login">
      <div class="card">
        <h1>
          <Mark /> Troupe
        </h1>
        {choice.value ? <ChooseProject /> : byName ? <ByName /> : <ByToken />}
        {both && !choice.value && (
          <button class="quiet" onClick={() => setWanted(byName ? 'token' : 'keystone')}>
            {byName ? 'Log in with a token instead' : 'Log in with user and password instead'}
          </button>
        )}
        <OpenJournal />
      </div>
    </main>
  );
}

function ByToken() {
  const id = useId();
  const submit = (event: SubmitEvent): void => {
    const token = valuesOf(event).get('token');
    if (token !== undefined && token.trim() !== '') void logIn(token.trim());
  };
  return (
    <form onSubmit={submit}>
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
      <Problem />
      <Submit />
    </form>
  );
}

function ByName() {
  const { user, domain, project } = typed.value;
  const submit = (event: SubmitEvent): void => {
    const given = valuesOf(event);
    const trimmed = (name: string): string => given.get(name)?.trim() ?? '';
    typed.value = { user: trimmed('user'), domain: trimmed('domain'), project: trimmed('project') };
    void logInByName(given.get('password') ?? '');
  };
  return (
    <form onSubmit={submit}>
      <Field name="user" label="User" value={user} autocomplete="username" required />
      <Field name="password" label="Password" type="password" autocomplete="current-password" required />
      <Field
        name="domain"
        label="Domain"
        value={domain || (ways.value.domain ?? '')}
        autocomplete="off"
        required
      />
      <Field
        name="project"
        label="Project"
        value={project}
        autocomplete="off"
        hint="Empty to choose of several."
      />
      <Problem />
      <Submit />
    </form>
  );
}

function Field({
  name,
  label,
  hint,
  ...input
}: {
  name: string;
  label: string;
  hint?: string;
  value?: string;
  type?: 'password';
  autocomplete: 'username' | 'current-password' | 'off';
  required?: boolean;
}) {
  const id = useId();
  return (
    <>
      <label for={id}>{label}</label>
      <input id={id} name={name} {...input} {...(hint ? { 'aria-describedby': `${id}-hint` } : {})} />
      {hint && (
        <p class="soft" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </>
  );
}

function ChooseProject() {
  return (
    <section class="projects" aria-label="Projects">
      <p>Several projects are yours. Which one?</p>
      {choice.value?.projects.map((project) => (
        <button key={project.id} disabled={isLoggingIn.value} onClick={() => void chooseProject(project)}>
          {project.name}
        </button>
      ))}
      <Problem />
      <button class="quiet" onClick={chooseNone}>
        Back
      </button>
    </section>
  );
}

const Problem = () =>
  loginProblem.value !== null && (
    <p class="problem" role="alert">
      {loginProblem.value}
    </p>
  );

const Submit = () => (
  <button class="primary" disabled={isLoggingIn.value}>
    {isLoggingIn.value ? 'Logging in…' : 'Log in'}
  </button>
);

/** What was typed, by the names of the fields; nothing is sent anywhere by the browser itself. */
function valuesOf(event: SubmitEvent): ReadonlyMap<string, string> {
  event.preventDefault();
  const given = new FormData(event.currentTarget as HTMLFormElement);
  return new Map([...given].map(([name, value]) => [name, typeof value === 'string' ? value : '']));
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
