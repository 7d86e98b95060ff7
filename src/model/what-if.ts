/** What would follow from events. */
import type { Address } from './address.ts';
import type { StartedEffect } from './lifecycle.ts';

/** An event to be tried out. */
export interface WhatIfEvent {
  readonly address: Address;
  readonly event: { readonly type: string; readonly [field: string]: unknown };
}

export interface WhatIfOptions {
  /** Whether what would be set off is taken to go well, or is left to be waited for. */
  readonly effects: 'succeed' | 'wait';
  /** Whether deadlines pass, each once, when nothing else would happen. */
  readonly deadlines: 'pass' | 'wait';
}

/** What would follow from events: decided on copies, with nothing sent. */
export interface WhatIf {
  /** In the order in which they would be taken. */
  readonly steps: readonly WhatIfStep[];
  /** Those that would move, with where they would be then. */
  readonly actors: readonly WhatIfActor[];
  /** More would follow than is tried out at once. */
  readonly isCut: boolean;
}

export interface WhatIfStep {
  /** Index of the step that would lead to it; null for what was asked. */
  readonly by: number | null;
  /** What was asked; a message of another actor; the end of an effect or deadline that a step before would set off. */
  readonly kind: 'asked' | 'message' | 'effect' | 'deadline';
  readonly address: Address;
  readonly event: { readonly type: string; readonly [field: string]: unknown };
  readonly answer: 'accepted' | 'queued' | 'refused';
  readonly reason: string | null;
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly starts: readonly StartedEffect[];
}

export interface WhatIfActor {
  readonly address: Address;
  /** What people call it. */
  readonly name: string | null;
  /** State paths as they are; none for one that would begin. */
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** Null for one that would begin. */
  readonly statusBefore: string | null;
  readonly status: string;
  readonly reason: string | null;
  readonly begins: boolean;
  readonly ends: boolean;
  /** What the steps would have set off, and what would not have ended by then. */
  readonly waitsFor: readonly StartedEffect[];
}

/** One as the API is asked to try it out. */
export interface Trial {
  readonly kind: string;
  /** Or its name. */
  readonly id: string;
  readonly event: { readonly type: string; readonly [field: string]: unknown };
}
