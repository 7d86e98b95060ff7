/** The API as the console asks it. Shapes are those that `src/actors/index.ts` gives and `src/api` writes. */
import type { ChartNode } from '../../chart/definition.ts';
import { request } from '../browser.ts';

export interface Identity {
  readonly user_id: string;
  readonly user_name: string;
  readonly project_id: string;
  readonly project_name: string;
  readonly admin: boolean;
}

export interface HostInfo {
  readonly uuid: string;
  readonly hostname: string;
  readonly state: string;
  readonly admission: string;
  readonly reason: string | null;
  readonly engine: string | null;
  readonly engine_up: boolean;
  readonly availability_zone: string;
  readonly since: string;
  readonly mem_total: number;
  readonly mem_used: number;
  readonly cpus: number;
  readonly cpu_used: number;
  readonly total_containers: number;
}

export interface Amounts {
  readonly containers: number;
  readonly cpu: number;
  readonly memory: number;
  readonly disk: number;
}

export interface TenantInfo {
  readonly id: string;
  readonly limits: Amounts;
  readonly used: Amounts;
  readonly reserved: number;
}

export interface WaitingFor {
  readonly invokeId: string;
  readonly src: string;
  readonly attempt: number;
  readonly startedAt: number;
  readonly deadlineAt: number | null;
  readonly description: string;
  readonly requestId: string | null;
}

export interface AllowedEvent {
  readonly type: string;
  readonly [field: string]: unknown;
  readonly answer: 'accepted' | 'queued' | 'refused';
  readonly reason: string | null;
  readonly to: readonly string[];
  readonly starts: readonly {
    readonly invokeId: string;
    readonly src: string;
    readonly description: string;
  }[];
  readonly roles: readonly string[];
}

/** What changes nothing, and is permitted by the state or not. */
export type PermittedService = Pick<AllowedEvent, 'type' | 'answer' | 'reason' | 'roles'>;

/** An event as it is sent: without what is only said of it. */
export interface Command {
  readonly type: string;
  readonly [field: string]: unknown;
}

const saidOfIt: ReadonlySet<string> = new Set(['answer', 'reason', 'to', 'starts', 'roles']);

export const commandOf = ({ type, ...fields }: AllowedEvent): Command => ({
  type,
  ...Object.fromEntries(Object.entries(fields).filter(([field]) => !saidOfIt.has(field))),
});

export interface RelatedActor {
  readonly address: string;
  readonly name: string | null;
  readonly status: string;
}

export interface Lifecycle {
  readonly kind: string;
  readonly address: string;
  readonly chartVersion: number;
  readonly revision: number;
  readonly statePaths: readonly string[];
  readonly status: string;
  readonly taskState: string | null;
  readonly reason: string | null;
  readonly since: number;
  readonly waitingFor: readonly WaitingFor[];
  readonly lastError: { readonly message?: string; readonly code?: string } | null;
  readonly allowedEvents: readonly AllowedEvent[];
  readonly services: readonly PermittedService[];
  readonly related: readonly RelatedActor[];
  readonly quarantined: { readonly reason: string; readonly event: string | null } | null;
}

/** An event that is tried out: of whom, and which. */
export interface Trial {
  readonly kind: string;
  readonly id: string;
  readonly event: Command;
}

export interface WhatIfStep {
  readonly by: number | null;
  readonly kind: 'asked' | 'message' | 'effect' | 'deadline';
  readonly address: string;
  readonly event: Command;
  readonly answer: 'accepted' | 'queued' | 'refused';
  readonly reason: string | null;
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly starts: AllowedEvent['starts'];
}

export interface WhatIfActor {
  readonly address: string;
  readonly name: string | null;
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly statusBefore: string | null;
  readonly status: string;
  readonly reason: string | null;
  readonly begins: boolean;
  readonly ends: boolean;
  readonly waitsFor: AllowedEvent['starts'];
}

export interface WhatIf {
  readonly steps: readonly WhatIfStep[];
  readonly actors: readonly WhatIfActor[];
  readonly isCut: boolean;
}

export interface IncidentStep extends Pick<
  JournalRecord,
  'revision' | 'at' | 'event' | 'cause' | 'from' | 'to' | 'refused'
> {
  readonly by: number | null;
  readonly address: string;
  readonly name: string | null;
  readonly isAsked: boolean;
}

export interface Incident {
  readonly requestId: string | null;
  readonly steps: readonly IncidentStep[];
  readonly isCut: boolean;
}

/** What a container has used until a moment. */
export interface StatsSample {
  readonly sampled_at: string;
  readonly cpu_seconds: number;
  readonly host_cpus: number;
  readonly memory_bytes: number;
  readonly memory_limit_bytes: number;
  readonly network_received_bytes: number;
  readonly network_sent_bytes: number;
}

export interface JournalRecord {
  readonly revision: number;
  readonly at: number;
  readonly event: { readonly type: string; readonly [field: string]: unknown };
  readonly cause: { readonly kind: string; readonly [field: string]: unknown };
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly patch: unknown;
  readonly started: readonly { readonly id: string; readonly opId: string; readonly src: string }[];
  readonly ended: readonly string[];
  readonly refused: string | null;
  readonly chartVersion: number;
}

export interface ChartDocument {
  readonly kind: string;
  readonly version: number;
  readonly definition: ChartNode;
}

/** An answer that is an error, with what the server says of it. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface ErrorAnswer {
  readonly errors?: readonly { readonly detail?: string }[];
  readonly error?: { readonly message?: string };
}

/** @throws ApiError; with status 0 when no server answered */
export async function callApi<T>(token: string, method: string, path: string, body?: unknown): Promise<T> {
  const response = await request(path, {
    method,
    headers: {
      'x-auth-token': token,
      'openstack-api-version': 'container latest',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((error: unknown) => {
    throw new ApiError(0, `The server doesn’t answer: ${error instanceof Error ? error.message : ''}`);
  });
  const answer = (await response.json().catch(() => null)) as T & ErrorAnswer;
  if (response.ok) return answer;
  const words = answer?.errors?.[0]?.detail ?? answer?.error?.message;
  throw new ApiError(response.status, words || `The server answered ${response.status}`);
}

/** Every journal record after a revision, however many pages that takes. */
export async function readHistory(
  token: string,
  path: string,
  after: number,
): Promise<readonly JournalRecord[]> {
  const records: JournalRecord[] = [];
  for (let from = after; ;) {
    const { history } = await callApi<{ history: readonly JournalRecord[] }>(
      token,
      'GET',
      `${path}/history?after=${from}&limit=1000`,
    );
    records.push(...history);
    const last = history.at(-1);
    if (!last || history.length < 1000) return records;
    from = last.revision;
  }
}
