/** Logging in by user and password, where the site's users are Keystone's. The password is sent once and kept nowhere. */
import { signal } from '@preact/signals';
import { callApi } from './api.ts';
import { isLoggingIn, logIn, loginProblem } from './session.ts';

interface Ways {
  readonly methods: readonly ('token' | 'keystone')[];
  /** Of users who name none; null without Keystone. */
  readonly domain: string | null;
}

export interface Project {
  readonly id: string;
  readonly name: string;
}

type Answer =
  | { readonly token: string; readonly projects?: never }
  | { readonly token: string; readonly projects: readonly Project[] };

/** As they were typed last, for who has to log in again while this page is open. */
export interface Typed {
  readonly user: string;
  readonly domain: string;
  /** Empty = to be chosen, where there are several. */
  readonly project: string;
}

/** How one may log in here; a server that can't say yet takes tokens at least. */
export const ways = signal<Ways>({ methods: ['token'], domain: null });
export const typed = signal<Typed>({ user: '', domain: '', project: '' });
/** Whose projects are to be chosen from: a token of none of them. */
export const choice = signal<{ readonly token: string; readonly projects: readonly Project[] } | null>(null);

export async function learnWays(): Promise<void> {
  await callApi<Ways>('', 'GET', '/v1/login').then(
    (told) => (ways.value = told),
    () => {},
  );
}

export const logInByName = (password: string): Promise<void> => {
  const { user, domain, project } = typed.value;
  return ask({
    user,
    password,
    ...(domain === '' ? {} : { domain }),
    ...(project === '' ? {} : { project }),
  });
};

export const chooseProject = ({ id, name }: Project): Promise<void> => {
  typed.value = { ...typed.value, project: name };
  return ask({ token: choice.value?.token, project_id: id });
};

export function chooseNone(): void {
  choice.value = null;
  loginProblem.value = null;
}

async function ask(body: object): Promise<void> {
  isLoggingIn.value = true;
  loginProblem.value = null;
  try {
    const answer = await callApi<Answer>('', 'POST', '/v1/login', body);
    if (answer.projects) choice.value = answer;
    else {
      choice.value = null;
      await logIn(answer.token);
    }
  } catch (error) {
    loginProblem.value = (error as Error).message;
  } finally {
    isLoggingIn.value = false;
  }
}
