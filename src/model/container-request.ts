import type { Caller } from './caller.ts';
import type { ContainerSpec } from './container.ts';

export interface CreateRequest {
  readonly caller: Caller;
  readonly spec: ContainerSpec;
  readonly run: boolean;
  /** Same key and same body = same container; same key, other body = IDEMPOTENCY_CONFLICT. */
  readonly idempotencyKey: string | null;
  /** The name was made up by us, so that it says nothing about whether two bodies are the same. */
  readonly nameGenerated: boolean;
}
