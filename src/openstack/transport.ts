/**
 * One request to a service of the cloud, and what comes of it: an answer, or
 * an error in words that says who did not answer what.
 *
 * T1. A request is over after its deadline, its repetitions included.
 * T2. Only what may be done twice is repeated, with growing, jittered pauses.
 * T3. What a service failed several times in a row it is not asked for a while:
 *     calls fail at once, and one is let through to see whether it is back. Each
 *     operation by itself: one that fails for ever, and is tried for ever, keeps
 *     no other from being let through.
 * T4. No header and no body is in an error or a log: tokens and passwords are there.
 * T5. Bytes that are streamed may take as long as they flow; what stands still for
 *     the time of a request has failed, but for a service that has yet to keep what it was
 *     sent. Nothing of them is held, and nothing is repeated.
 */
import type { Readable } from 'node:stream';
import { BrokenCircuitError, CircuitState, circuitBreaker, ConsecutiveBreaker, handleWhen } from 'cockatiel';
import pRetry from 'p-retry';
import { Agent, errors, request, type Dispatcher } from 'undici';
import { TroupeError } from '../errors/errors.ts';
import type { Environment } from '../model/environment.ts';

export interface CloudRequest {
  /** Who is asked and what for, as people say it and as metrics count it: few, and never an id. */
  readonly service: string;
  readonly operation: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
  /** Doing it twice is as doing it once. */
  readonly repeatable: boolean;
  /** Of the request that led to it, for the other side's logs: `req-<uuid>`. */
  readonly requestId?: string | null;
}

/** Whatever was answered below 500, 429 excepted. */
export interface CloudAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Parsed JSON; null when there is none. */
  readonly body: unknown;
}

/** Bytes to send, or none; those of the answer are the caller's to read. */
export interface CloudStreamRequest extends Omit<CloudRequest, 'body' | 'repeatable'> {
  /** Destroyed when the request fails. */
  readonly bytes: Readable | null;
  /** Ends the request, whoever still reads. */
  readonly signal: AbortSignal;
}

/** What was answered; `bytes` of a success alone, and then `body` is null. */
export interface CloudStreamAnswer extends CloudAnswer {
  /** For the caller to consume or destroy. It fails when it stands still or is cut off. */
  readonly bytes: Readable | null;
}

/** How a call ended: the status, `failed`, or `open` when it was not made (T3). */
export interface CloudCall {
  readonly service: string;
  readonly operation: string;
  readonly outcome: string;
  readonly seconds: number;
}

export interface TransportOptions {
  readonly environment: Environment;
  readonly timeoutMs: number;
  /** PEM; null = the system's authorities. */
  readonly ca: string | null;
  readonly observe: (call: CloudCall) => void;
}

export interface Transport {
  /** @throws TroupeError CLOUD_UNAVAILABLE */
  send(request: CloudRequest): Promise<CloudAnswer>;
  /** Resolves once all was sent and the answer begins. @throws TroupeError CLOUD_UNAVAILABLE, or how `bytes` failed */
  stream(request: CloudStreamRequest): Promise<CloudStreamAnswer>;
  close(): Promise<void>;
}

const retries = 2;
const firstPauseMs = 100;
const failuresMost = 5;
/** How long a service that failed is left alone. */
const pauseMs = 5_000;
/** Once all was sent: a store that is far away may take its time. */
const keepingTimes = 10;
/** A catalog of the largest clouds has some hundred kB. */
const answerMostBytes = 8 * 1024 * 1024;

export function createTransport({ environment, timeoutMs, ca, observe }: TransportOptions): Transport {
  const connect = ca === null ? {} : { connect: { ca } };
  const dispatcher = new Agent({ maxResponseSize: answerMostBytes, ...connect });
  const streams = new Agent({ headersTimeout: timeoutMs, bodyTimeout: timeoutMs, ...connect });
  /** By origin and operation: one of several endpoints may be away. */
  const breakers = new Map<string, ReturnType<typeof circuitBreaker>>();

  const breakerOf = ({ service, operation, url }: Asked) => {
    const { origin } = new URL(url);
    const key = `${origin} ${operation}`;
    let breaker = breakers.get(key);
    if (!breaker) {
      breaker = circuitBreaker(handleWhen(isOutage), {
        halfOpenAfter: pauseMs,
        breaker: new ConsecutiveBreaker(failuresMost),
      });
      breaker.onStateChange((state) => {
        if (state === CircuitState.Open)
          environment.log.warn(
            { service, operation, origin },
            'a service of the cloud does not answer; it is left alone for a while',
          );
        if (state === CircuitState.Closed)
          environment.log.info({ service, operation, origin }, 'a service of the cloud answers again');
      });
      breakers.set(key, breaker);
    }
    return breaker;
  };

  const read = async (
    asked: Asked,
    { statusCode: status, headers, body }: Dispatcher.ResponseData,
  ): Promise<CloudAnswer> => {
    const text = await body.text();
    if (status >= 500 || status === 429) throw outage(asked, `answers with ${status}`);
    if (text === '') return { status, headers, body: null };
    try {
      return { status, headers, body: JSON.parse(text) };
    } catch {
      // Errors may come as a page of a proxy: the status says enough.
      if (status >= 400) return { status, headers, body: null };
      throw outage(
        asked,
        `answers with ${status} and something that isn't JSON; is it the service, or a proxy before it?`,
      );
    }
  };

  const once = async (asked: CloudRequest, signal: AbortSignal): Promise<CloudAnswer> => {
    const { method, url, body, headers = {} } = asked;
    const answer = await request(url, {
      method,
      dispatcher,
      signal,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...idOf(asked),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return read(asked, answer);
  };

  const openOnce = async (asked: CloudStreamRequest): Promise<CloudStreamAnswer> => {
    const { method, url, bytes, headers = {}, signal } = asked;
    try {
      const answer = await request(url, {
        method,
        dispatcher: streams,
        signal,
        headers: { ...idOf(asked), ...headers },
        ...(bytes === null ? {} : { body: bytes, headersTimeout: timeoutMs * keepingTimes }),
      });
      if (answer.statusCode >= 300 || method !== 'GET')
        return { ...(await read(asked, answer)), bytes: null };
      return { status: answer.statusCode, headers: answer.headers, body: null, bytes: answer.body };
    } catch (error) {
      if (error instanceof TroupeError) throw error;
      if (signal.aborted)
        throw new TroupeError('TIMED_OUT', 'Nobody waits for it any more', { cause: error });
      // What was to be sent has failed by itself: that is no failure of the service.
      if (bytes?.errored) throw bytes.errored;
      if (error instanceof errors.HeadersTimeoutError)
        throw outage(asked, `has not answered within ${bytes ? timeoutMs * keepingTimes : timeoutMs} ms`);
      throw outage(asked, `can't be reached: ${reasonOf(error as Error)}`);
    }
  };

  const withRepeats = async (asked: CloudRequest): Promise<CloudAnswer> => {
    const ending = new AbortController();
    const cancel = environment.schedule(timeoutMs, () => ending.abort());
    const attempt = (): Promise<CloudAnswer> =>
      once(asked, ending.signal).catch((error: unknown) => {
        if (error instanceof TroupeError) throw error;
        if (ending.signal.aborted) throw outage(asked, `has not answered within ${timeoutMs} ms`);
        throw outage(asked, `can't be reached: ${reasonOf(error as Error)}`);
      });
    try {
      return await pRetry(attempt, {
        retries: asked.repeatable ? retries : 0,
        minTimeout: firstPauseMs,
        randomize: true,
        shouldRetry: () => !ending.signal.aborted,
      });
    } finally {
      cancel();
    }
  };

  /** Unless its service is left alone (T3). */
  const guarded = async <T extends CloudAnswer>(asked: Asked, send: () => Promise<T>): Promise<T> => {
    const { service, operation } = asked;
    const began = environment.monotonic();
    const tell = (outcome: string): void =>
      observe({ service, operation, outcome, seconds: (environment.monotonic() - began) / 1000 });
    try {
      const answer = await breakerOf(asked).execute(send);
      tell(String(answer.status));
      return answer;
    } catch (error) {
      const isOpen = error instanceof BrokenCircuitError;
      tell(isOpen ? 'open' : 'failed');
      if (!isOpen) throw error;
      throw outage(
        asked,
        `has failed ${failuresMost} times in a row; it is asked again within ${pauseMs / 1000} s`,
      );
    }
  };

  return {
    send: (asked) => guarded(asked, () => withRepeats(asked)),
    async stream(asked) {
      try {
        return await guarded(asked, () => openOnce(asked));
      } finally {
        asked.bytes?.destroy();
      }
    },
    async close() {
      await Promise.all([dispatcher.close(), streams.close()]);
    },
  };
}

type Asked = Pick<CloudRequest, 'service' | 'operation' | 'url' | 'requestId'>;

const idOf = ({ requestId = null }: Asked): Record<string, string> =>
  requestId === null ? {} : { 'x-openstack-request-id': requestId };

const isOutage = (error: Error): boolean =>
  error instanceof TroupeError && error.code === 'CLOUD_UNAVAILABLE';

const outage = ({ service, url }: Asked, what: string): TroupeError =>
  new TroupeError('CLOUD_UNAVAILABLE', `${service} at ${new URL(url).origin} ${what}`);

/** Node tells of several addresses that were tried by a code alone. */
const reasonOf = (error: Error): string =>
  error.message || (error as NodeJS.ErrnoException).code || 'no connection';
