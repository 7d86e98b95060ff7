/** Who calls. Built from a token alone; identity headers that a client sends are never looked at. */
export interface Identity {
  readonly userId: string;
  readonly userName: string;
  readonly projectId: string;
  readonly projectName: string;
  readonly roles: readonly string[];
}

export interface Authenticator {
  /** Null for a token that is unknown or expired. */
  authenticate(token: string): Promise<Identity | null>;
  /** For `WWW-Authenticate`. */
  readonly challenge: string;
}
