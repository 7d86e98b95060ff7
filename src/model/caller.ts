/** Who asks, and what is answered. */

/** On whose behalf; becomes the journal's cause. */
export interface Caller {
  readonly userId: string;
  readonly projectId: string;
  /** `req-<uuid>`; also answered to the client. */
  readonly requestId: string;
}

export interface CommandAnswer {
  readonly answer: 'accepted' | 'queued' | 'refused';
  /** Of the refusal, in words. */
  readonly reason: string | null;
  readonly revision: number;
}
