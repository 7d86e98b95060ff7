/** What is asked of a running container and changes nothing in its life. @see zun-api 2.7 */
import type { FastifyInstance } from 'fastify';
import { split } from 'shlex';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import type { Environment } from '../../model/environment.ts';
import { createContainerAccess, parametersOf, queryOf, type ById, type Fields } from './container-access.ts';
import { beginSession, type SessionDesk } from './container-sessions.ts';
import { invalidQuery, onlyKnown, queryBoolean } from './values.ts';

/** Zun's `[docker] execute_timeout`, and what the host gets beside it to answer. */
const executeMs = 5_000;
const answerMs = 10_000;
const outputMostBytes = 1024 * 1024;

/** As the agent answers them: see `RunResult`, `ProcessTable` and `StatsSample` of the runtime drivers. */
interface RunAnswer {
  readonly end: 'exited' | 'killed' | 'abandoned';
  readonly exitCode: number | null;
  readonly output: string;
  readonly truncated: boolean;
}
interface TableAnswer {
  readonly titles: readonly string[];
  readonly processes: readonly (readonly string[])[];
}
interface SampleAnswer {
  readonly at: number;
  readonly cpus: number;
  readonly cpuNanos: number;
  readonly systemCpuNanos: number;
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
  readonly blockReadBytes: number;
  readonly blockWriteBytes: number;
  readonly networkReceivedBytes: number;
  readonly networkSentBytes: number;
}

export function containerServices(controlPlane: ControlPlane, environment: Environment, desk: SessionDesk) {
  return async (app: FastifyInstance): Promise<void> => {
    const access = createContainerAccess(controlPlane, environment);

    app.post<ById>('/v1/containers/:id/execute', async (request) => {
      const asked = parametersOf(request);
      onlyKnown(asked, ['command', 'run', 'interactive', 'tty']);
      const command = wordsOf(asked);
      const interactive = queryBoolean('interactive', asked['interactive'], false);
      const isSession = interactive || !queryBoolean('run', asked['run'], true);
      const tty = queryBoolean('tty', asked['tty'], interactive);
      const view = access.find(request, request.params.id, 'container:execute');
      access.require(request, view, 'execute', 'container.execute');
      if (isSession) {
        const wish = { kind: 'execute', command, tty, interactive } as const;
        const { session, url } = beginSession(desk, request, view, wish);
        return { output: null, exit_code: null, exec_id: session.id, proxy_url: url };
      }
      const service = { kind: 'execute', command, timeLimitMs: executeMs, outputMostBytes } as const;
      const answer = (await controlPlane.serve(view.address, service, executeMs + answerMs)) as RunAnswer;
      if (answer.end !== 'exited') {
        const left = answer.end === 'killed' ? 'it was killed' : 'it may still run';
        throw new TroupeError(
          'EXECUTE_TIMED_OUT',
          `Timeout on executing command: "${command.join(' ')}" took more than ${executeMs / 1000} s; ${left}`,
        );
      }
      const note = answer.truncated ? `\n[Troupe: cut after ${outputMostBytes} bytes]\n` : '';
      return { output: answer.output + note, exit_code: answer.exitCode, exec_id: null, proxy_url: null };
    });

    app.get<ById>('/v1/containers/:id/top', async (request) => {
      onlyKnown(queryOf(request), ['ps_args']);
      const view = access.find(request, request.params.id, 'container:top');
      access.require(request, view, 'top', 'container.top');
      const { ps_args: asked } = queryOf(request);
      const psArgs = asked === undefined || asked === '' || asked === 'None' ? '-ef' : String(asked);
      const { titles, processes } = (await controlPlane.serve(
        view.address,
        { kind: 'top', psArgs },
        answerMs,
      )) as TableAnswer;
      return { Titles: titles, Processes: processes };
    });

    app.get<ById>('/v1/containers/:id/stats', async (request) => {
      onlyKnown(queryOf(request), []);
      const view = access.find(request, request.params.id, 'container:stats');
      access.require(request, view, 'stats', 'container.stats');
      return statsView(
        view.spec.name,
        (await controlPlane.serve(view.address, { kind: 'stats' }, answerMs)) as SampleAnswer,
      );
    });
  };
}

/** @throws TroupeError INVALID_INPUT */
function wordsOf({ command }: Fields): readonly string[] {
  const rule = 'It must be a command that a shell can split, such as "ls -l"';
  if (typeof command !== 'string') throw invalidQuery('command', command, rule);
  let words: readonly string[];
  try {
    words = split(command);
  } catch {
    words = [];
  }
  if (words.length === 0) throw invalidQuery('command', command, rule);
  return words;
}

const mib = (bytes: number): number => bytes / 1024 / 1024;
const percent = (part: number, whole: number): number => (whole > 0 ? (part / whole) * 100 : 0);

/** Zun's keys; its "CPU %" is the share of all CPU time since the host's boot. */
const statsView = (name: string, sample: SampleAnswer): Fields => ({
  CONTAINER: name,
  'CPU %': percent(sample.cpuNanos, sample.systemCpuNanos),
  'MEM USAGE(MiB)': mib(sample.memoryBytes),
  'MEM LIMIT(MiB)': mib(sample.memoryLimitBytes),
  'MEM %': percent(sample.memoryBytes, sample.memoryLimitBytes),
  'BLOCK I/O(B)': `${sample.blockReadBytes}/${sample.blockWriteBytes}`,
  'NET I/O(B)': `${sample.networkReceivedBytes}/${sample.networkSentBytes}`,
  // What Zun keeps to itself: two samples make a rate of these.
  sampled_at: new Date(sample.at).toISOString(),
  cpu_seconds: sample.cpuNanos / 1e9,
  host_cpus: sample.cpus,
  memory_bytes: sample.memoryBytes,
  memory_limit_bytes: sample.memoryLimitBytes,
  network_received_bytes: sample.networkReceivedBytes,
  network_sent_bytes: sample.networkSentBytes,
});
