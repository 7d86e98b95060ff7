/** Calls in the service's own name: its token, renewed before it ends or when it is refused, and the catalog. */
import { TroupeError } from '../errors/errors.ts';
import type { Environment } from '../model/environment.ts';
import type { CloudAccess } from './access.ts';
import { endpointOf } from './catalog.ts';
import { issuedToken, keystoneWords, type TokenFacts } from './tokens.ts';
import type {
  CloudAnswer,
  CloudRequest,
  CloudStreamAnswer,
  CloudStreamRequest,
  Transport,
} from './transport.ts';

interface Where {
  /** As in the catalog: `network`, `image` …; `identity` is Keystone where the token comes from. */
  readonly type: string;
  /** After the endpoint's URL, with a slash at its beginning. */
  readonly path: string;
  /** The token of somebody in whose name it is asked; ours goes along, so that it counts as long as we work for them. Null = ours alone. */
  readonly bearer?: string | null;
  /** The bearer's, where a service has the project's id in its URL. Null = ours. */
  readonly projectId?: string | null;
}

export interface SessionRequest extends Omit<CloudRequest, 'url'>, Where {}
export interface SessionStreamRequest extends Omit<CloudStreamRequest, 'url'>, Where {}

export interface CloudSession {
  /** What our own token says. @throws TroupeError CLOUD_UNAVAILABLE, CLOUD_REFUSED */
  facts(): Promise<TokenFacts>;
  /**
   * @throws TroupeError CLOUD_UNAVAILABLE; CLOUD_REFUSED when our credentials are not taken, or the service is not in the catalog;
   *   FORBIDDEN when the bearer's are not
   */
  send(request: SessionRequest): Promise<CloudAnswer>;
  /** Of what is sent nothing is sent twice: a token that ends just then is told as CLOUD_REFUSED. @throws TroupeError as {@link CloudSession.send} */
  stream(request: SessionStreamRequest): Promise<CloudStreamAnswer>;
}

/** A token is renewed so long before its end, longer than any call takes; of one that is short a tenth before. */
const spareMs = 60_000;

export function createSession(
  access: CloudAccess,
  transport: Transport,
  environment: Environment,
): CloudSession {
  type Held = TokenFacts & { readonly token: string; readonly renewAt: number };
  let held: Held | null = null;
  let asking: Promise<Held> | null = null;

  const logIn = async (): Promise<Held> => {
    const url = `${access.authUrl}/auth/tokens`;
    const answer = await transport.send({
      service: 'Keystone',
      operation: 'authenticate',
      method: 'POST',
      url,
      body: access.auth,
      // It makes one more token, and nothing else.
      repeatable: true,
    });
    if (answer.status !== 201)
      throw new TroupeError(
        'CLOUD_REFUSED',
        `Keystone at ${access.authUrl} does not take Troupe’s own credentials (${answer.status}): ${keystoneWords(answer)}`,
      );
    const issued = issuedToken(answer, url);
    // By what is left of it, so that a clock that is set meanwhile ends nothing.
    const life = issued.expiresAt - environment.now();
    return { ...issued, renewAt: environment.monotonic() + life - Math.min(spareMs, life / 10) };
  };

  const token = (): Promise<Held> => {
    if (held && environment.monotonic() < held.renewAt) return Promise.resolve(held);
    asking ??= logIn()
      .then((issued) => (held = issued))
      .finally(() => (asking = null));
    return asking;
  };

  const placed = <T extends Where & { readonly headers?: Readonly<Record<string, string>> }>(
    { type, path, bearer = null, projectId = null, headers, ...rest }: T,
    { token: own, catalog, project }: Held,
  ) => {
    const endpoint = type === 'identity' ? access.authUrl : endpointOf(catalog, type, access);
    return {
      ...rest,
      url: `${projectId === null || project === null ? endpoint : endpoint.replace(project.id, projectId)}${path}`,
      headers: {
        ...headers,
        'x-auth-token': bearer ?? own,
        // Also beside our own: some things are done for a service alone, and that is how it is told.
        ...(type !== 'identity' && { 'x-service-token': own }),
      },
    };
  };

  /** With a new token where ours was revoked, or is of keys that were rotated away: it is asked for once. */
  const withToken = async <A extends CloudAnswer>(
    { service, bearer = null }: { readonly service: string; readonly bearer?: string | null },
    isRepeatable: boolean,
    send: (own: Held) => Promise<A>,
  ): Promise<A> => {
    const own = await token();
    const answer = await send(own);
    if (answer.status !== 401) return answer;
    if (held === own) held = null;
    const again = isRepeatable ? await send(await token()) : answer;
    if (again.status === 401 && bearer !== null)
      throw new TroupeError(
        'FORBIDDEN',
        `${service} does not take the caller’s token; ask with one that Keystone has given, of a project`,
      );
    if (again.status === 401)
      throw new TroupeError(
        'CLOUD_REFUSED',
        `${service} does not take the token that Keystone at ${access.authUrl} has just given Troupe`,
      );
    return again;
  };

  return {
    facts: token,
    send: (request) => withToken(request, true, (own) => transport.send(placed(request, own))),
    stream: (request) =>
      withToken(request, request.bytes === null, (own) => transport.stream(placed(request, own))),
  };
}
