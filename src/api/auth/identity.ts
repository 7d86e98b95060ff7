/** Who calls. Built from a token alone; identity headers that a client sends are never looked at. */
export interface Identity {
  readonly userId: string;
  readonly userName: string;
  readonly projectId: string;
  readonly projectName: string;
  readonly roles: readonly string[];
  /** For what lasts longer than a request: absent where the token is good for as long as the site says nothing else. */
  readonly validity?: Validity;
}

export interface Validity {
  /** Milliseconds from now until it is to be asked again. */
  dueMs(): number;
  /** Asks again; what can't be found out now counts as before, until the token ends. */
  stillHolds(): Promise<boolean>;
}

export interface Credentials {
  readonly token: string;
  /** Of the service that acts for the token's bearer; null for none. */
  readonly serviceToken?: string | null;
  readonly requestId?: string | null;
}

export interface Authenticator {
  /**
   * Null for a token that is unknown or expired.
   * @throws TroupeError FORBIDDEN for one that is nobody's here; CLOUD_UNAVAILABLE, CLOUD_REFUSED when it can't be found out
   */
  authenticate(credentials: Credentials): Promise<Identity | null>;
  /** For `WWW-Authenticate`. */
  readonly challenge: string;
}

/** The first that knows the token says whose it is. @param authenticators the challenge is the last one's */
export function anyOf(...authenticators: readonly [...Authenticator[], Authenticator]): Authenticator {
  return {
    challenge: authenticators.at(-1)!.challenge,
    async authenticate(credentials) {
      for (const each of authenticators) {
        const identity = await each.authenticate(credentials);
        if (identity) return identity;
      }
      return null;
    },
  };
}
