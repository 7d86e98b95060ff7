/** Answers probes as a test says, and counts them. */
import type { HealthProber } from '../../src/drivers/health/health-prober.ts';

export interface FakeProber extends HealthProber {
  /** Such as `GET 10.0.0.2:80/well` and `tcp 10.0.0.2:80`. */
  readonly probes: string[];
  /** Of the next probes: a status (any of them lets a connection in), an error's words, or no answer. */
  answer: number | string | null;
}

export function createFakeProber(): FakeProber {
  const answered = (signal: AbortSignal): Promise<number> => {
    const { answer } = prober;
    if (typeof answer === 'number') return Promise.resolve(answer);
    if (typeof answer === 'string') return Promise.reject(new Error(answer));
    return new Promise((_, reject) =>
      signal.addEventListener('abort', () => reject(new Error('Given up')), { once: true }),
    );
  };
  const prober: FakeProber = {
    probes: [],
    answer: 200,
    http({ address, port, path }, signal) {
      prober.probes.push(`GET ${address}:${port}${path}`);
      return answered(signal);
    },
    async tcp({ address, port }, signal) {
      prober.probes.push(`tcp ${address}:${port}`);
      await answered(signal);
    },
  };
  return prober;
}
