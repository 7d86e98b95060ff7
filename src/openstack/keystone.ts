/** What Troupe asks of Keystone: whose a token is, and a token for who logs in by name. */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { TroupeError } from '../errors/errors.ts';
import type { CloudSession } from './session.ts';
import { issuedToken, keystoneWords, tokenFacts, type TokenFacts } from './tokens.ts';
import type { CloudAnswer, Transport } from './transport.ts';

export interface Validation {
  /** A token that has expired counts, too: who sends it acts for its bearer, who was let in while it was good. */
  readonly allowExpired?: boolean;
  readonly requestId?: string | null;
}

export interface LogIn {
  readonly user: string;
  readonly password: string;
  /** Name of the user's domain. */
  readonly domain: string;
  readonly requestId: string;
}

export interface Project {
  readonly id: string;
  readonly name: string;
}

export interface Keystone {
  /** Null when it is unknown, expired or revoked. @throws TroupeError CLOUD_UNAVAILABLE, CLOUD_REFUSED */
  validate(token: string, options?: Validation): Promise<TokenFacts | null>;
  /** A token of no project. @throws TroupeError LOGIN_REFUSED, CLOUD_UNAVAILABLE */
  logIn(login: LogIn): Promise<{ readonly token: string }>;
  /** Those that a token's user has a role in, by name. @throws TroupeError LOGIN_REFUSED, CLOUD_UNAVAILABLE */
  projectsOf(token: string, requestId: string): Promise<readonly Project[]>;
  /** Another token of the same user, for a project. @throws TroupeError LOGIN_REFUSED, CLOUD_UNAVAILABLE */
  scoped(
    token: string,
    projectId: string,
    requestId: string,
  ): Promise<TokenFacts & { readonly token: string }>;
  /** Ends a token that {@link Keystone.logIn} or {@link Keystone.scoped} gave. @throws TroupeError CLOUD_UNAVAILABLE */
  revoke(token: string, requestId: string): Promise<void>;
}

const projectsShape = Compile(
  Type.Object({ projects: Type.Array(Type.Object({ id: Type.String(), name: Type.String() })) }),
);
/** What Keystone says of everything that it will not explain. */
const unexplained = 'The request you have made requires authentication.';

const service = 'Keystone';

/** @param authUrl of Keystone, with its version */
export function createKeystone(authUrl: string, session: CloudSession, transport: Transport): Keystone {
  const url = `${authUrl}/auth/tokens`;
  const authenticate = async (
    operation: string,
    auth: object,
    requestId: string,
    words: string,
  ): Promise<TokenFacts & { readonly token: string }> => {
    const body = { auth };
    const answer = await transport.send({
      service,
      operation,
      method: 'POST',
      url,
      body,
      // A wrong password tried again would count twice where Keystone locks users out.
      repeatable: false,
      requestId,
    });
    if (answer.status === 201) return issuedToken(answer, url);
    throw loginRefused(answer, words);
  };

  return {
    async validate(token, { allowExpired = false, requestId = null } = {}) {
      const answer = await session.send({
        service,
        operation: 'validate',
        type: 'identity',
        method: 'GET',
        path: `/auth/tokens?nocatalog${allowExpired ? '&allow_expired=1' : ''}`,
        headers: { 'x-subject-token': token },
        repeatable: true,
        requestId,
      });
      if (answer.status === 200) return tokenFacts(answer, url);
      if (answer.status === 404) return null;
      throw new TroupeError(
        'CLOUD_REFUSED',
        answer.status === 403
          ? `Troupe’s own user may not ask Keystone at ${authUrl} whose a token is; give it the role "service"`
          : `Keystone at ${authUrl} does not say whose a token is (${answer.status}): ${keystoneWords(answer)}`,
      );
    },
    logIn: ({ user, password, domain, requestId }) =>
      authenticate(
        'login',
        {
          identity: {
            methods: ['password'],
            password: { user: { name: user, domain: { name: domain }, password } },
          },
          // Else it is of the user's default project, if there is one.
          scope: 'unscoped',
        },
        requestId,
        'Keystone knows no such user with that password in that domain',
      ),
    async projectsOf(token, requestId) {
      const answer = await transport.send({
        service,
        operation: 'projects',
        method: 'GET',
        url: `${authUrl}/auth/projects`,
        headers: { 'x-auth-token': token },
        repeatable: true,
        requestId,
      });
      if (answer.status !== 200) throw loginRefused(answer, expired);
      if (!projectsShape.Check(answer.body))
        throw new TroupeError(
          'CLOUD_UNAVAILABLE',
          `Keystone at ${authUrl} answers with something that is no list of projects`,
        );
      return answer.body.projects
        .map(({ id, name }) => ({ id, name }))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    },
    scoped: (token, projectId, requestId) =>
      authenticate(
        'scope',
        { identity: { methods: ['token'], token: { id: token } }, scope: { project: { id: projectId } } },
        requestId,
        'This user has no role in that project, or took too long to choose it; log in again',
      ),
    async revoke(token, requestId) {
      await transport.send({
        service,
        operation: 'revoke',
        method: 'DELETE',
        url,
        headers: { 'x-auth-token': token, 'x-subject-token': token },
        repeatable: true,
        requestId,
      });
    },
  };
}

const expired = 'That took too long; log in again';

/** @param words for a refusal that Keystone does not explain */
function loginRefused(answer: CloudAnswer, words: string): TroupeError {
  const told = keystoneWords(answer);
  // One that is asked for a second factor has given the right password.
  if (answer.headers['openstack-auth-receipt'] !== undefined)
    return new TroupeError(
      'LOGIN_REFUSED',
      'This user needs a second factor, which can’t be given here; log in with a token',
    );
  return new TroupeError(
    'LOGIN_REFUSED',
    told === '' || told === unexplained ? words : `Keystone refuses: ${told}`,
  );
}
