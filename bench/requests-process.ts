/**
 * A client of HTTP in a process of its own. Started as a child with an IPC
 * channel: each `RequestsStart` is answered with a `RequestsReport`.
 */
import { Pool } from 'undici';

export interface RequestsStart {
  readonly origin: string;
  readonly token: string;
  readonly method: 'GET' | 'POST';
  /** Asked for in turn. */
  readonly paths: readonly string[];
  /** JSON; null = none. */
  readonly body: string | null;
  /** Requests in flight, each on a connection of its own. */
  readonly width: number;
  readonly ms: number;
}

export interface RequestsReport {
  /** Milliseconds of each request, until its answer had been read. */
  readonly took: readonly number[];
  readonly ms: number;
  /** Bytes of one answer. */
  readonly bytes: number;
  /** Answers that were none of success. */
  readonly failed: number;
}

async function load(start: RequestsStart): Promise<RequestsReport> {
  const { origin, token, method, paths, body, width, ms } = start;
  const pool = new Pool(origin, { connections: width, pipelining: 1 });
  const headers = {
    'x-auth-token': token,
    'openstack-api-version': 'container 1.40',
    ...(body !== null && { 'content-type': 'application/json' }),
  };
  const took: number[] = [];
  let [issued, failed, bytes] = [0, 0, 0];
  const began = performance.now();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (let at = began; at - began < ms; at = performance.now()) {
        issued += 1;
        const answer = await pool.request({ path: paths[issued % paths.length]!, method, headers, body });
        bytes = (await answer.body.arrayBuffer()).byteLength;
        if (answer.statusCode >= 300) failed += 1;
        took.push(performance.now() - at);
      }
    }),
  );
  const elapsed = performance.now() - began;
  await pool.close();
  return { took, ms: elapsed, bytes, failed };
}

process.on('message', (start: RequestsStart) => void load(start).then((report) => process.send!(report)));
process.on('disconnect', () => process.exit(0));
