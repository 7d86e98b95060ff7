/** The API as the console asks it. Shapes that are not in `src/model` are those that `src/api` writes. */
import type { ChartNode } from '../../chart/definition.ts';
import type { JournalRecord } from '../../model/journal.ts';
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
