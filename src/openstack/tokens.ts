/** Keystone's tokens on the wire. @see Identity API v3, "Authentication and token management" */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { TroupeError } from '../errors/errors.ts';
import type { CloudAnswer } from './transport.ts';

const named = Type.Object({ id: Type.String(), name: Type.String() });
const endpoint = Type.Object({
  interface: Type.String(),
  url: Type.String(),
  region: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  region_id: Type.Optional(Type.Union([Type.String(), Type.Null()])),
});
const service = Type.Object({
  type: Type.String(),
  name: Type.Optional(Type.String()),
  endpoints: Type.Array(endpoint),
});
const answerShape = Compile(
  Type.Object({
    token: Type.Object({
      expires_at: Type.String(),
      user: named,
      project: Type.Optional(named),
      roles: Type.Optional(Type.Array(named)),
      catalog: Type.Optional(Type.Array(service)),
    }),
  }),
);

export type CatalogService = Static<typeof service>;

/** What Keystone says of a token. */
export interface TokenFacts {
  readonly userId: string;
  readonly userName: string;
  /** Null for a token that is of no project: unscoped, or of a domain or the system. */
  readonly project: { readonly id: string; readonly name: string } | null;
  readonly roles: readonly string[];
  /** Epoch milliseconds, by Keystone's clock. */
  readonly expiresAt: number;
  /** Empty where it was not asked for. */
  readonly catalog: readonly CatalogService[];
}

/** @throws TroupeError CLOUD_UNAVAILABLE when that is no token */
export function tokenFacts({ body }: CloudAnswer, url: string): TokenFacts {
  if (!answerShape.Check(body)) throw noToken(url);
  const { user, project, roles = [], expires_at, catalog = [] } = body.token;
  const expiresAt = Date.parse(expires_at);
  if (Number.isNaN(expiresAt)) throw noToken(url);
  return {
    userId: user.id,
    userName: user.name,
    project: project ?? null,
    roles: roles.map(({ name }) => name),
    expiresAt,
    catalog,
  };
}

/** The token itself is told in a header. @throws TroupeError CLOUD_UNAVAILABLE */
export function issuedToken(answer: CloudAnswer, url: string): TokenFacts & { readonly token: string } {
  const token = answer.headers['x-subject-token'];
  if (typeof token !== 'string') throw noToken(url);
  return { ...tokenFacts(answer, url), token };
}

/** Keystone's own words in an error; empty when there are none. */
export function keystoneWords({ body }: CloudAnswer): string {
  const words = (body as { error?: { message?: unknown } } | null)?.error?.message;
  return typeof words === 'string' ? words : '';
}

const noToken = (url: string): TroupeError =>
  new TroupeError(
    'CLOUD_UNAVAILABLE',
    `Keystone at ${new URL(url).origin} answers with something that is no token of its version 3; is it Keystone?`,
  );
