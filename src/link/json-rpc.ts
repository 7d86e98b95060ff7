/**
 * A typed JSON-RPC 2.0 peer over one connection: requests both ways,
 * notifications, time limits. A frame that is no JSON-RPC, a method the other
 * end may not send, or an answer of another shape ends the connection: the
 * other end is not who it says it is.
 *
 * @see JSON-RPC 2.0 specification
 */
import { TroupeError, fromFailure, toFailure } from '../errors/errors.ts';
import type { Environment } from '../model/environment.ts';
import type { Failure } from '../model/failure.ts';
import { maxFrameBytes } from './protocol.ts';
import type { Connection } from './transport.ts';

type Methods = Record<string, { params: object; result: unknown }>;

/** What this end answers. A handler's result is sent; what it throws is sent as an error. */
export type Handlers<TMethods extends Methods> = {
  readonly [M in keyof TMethods]: (
    params: TMethods[M]['params'],
  ) => TMethods[M]['result'] | Promise<TMethods[M]['result']>;
};

/** What one end believes of what comes over the wire. Both throw what is wrong, in words. */
export interface WireChecks {
  /** @param isRequest the frame has an id and waits for an answer */
  readonly params: (method: string, params: unknown, isRequest: boolean) => void;
  /** The answer to a method that this end has called. */
  readonly result: (method: string, result: unknown) => void;
}

export interface Peer<TRemote extends Methods> {
  /** @throws TroupeError HOST_UNREACHABLE when the connection ends first, TIMED_OUT, INVALID_INPUT when it is larger than a frame, or what the other end threw */
  call<M extends keyof TRemote & string>(
    method: M,
    params: TRemote[M]['params'],
    timeoutMs: number,
  ): Promise<TRemote[M]['result']>;
  /** @throws TroupeError INVALID_INPUT when it is larger than a frame */
  notify<M extends keyof TRemote & string>(method: M, params: TRemote[M]['params']): void;
  close(code: number, reason: string): void;
}

/** Requests that may wait for an answer at once: ours, and those of the other end. */
const outstandingMost = 10_000;

/** WebSocket close codes. @see RFC 6455, 7.4.1 */
const notText = 1007;
const notAllowed = 1008;

interface Frame {
  readonly jsonrpc?: unknown;
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
}

interface Waiting {
  readonly method: string;
  resolve(result: unknown): void;
  reject(error: Error): void;
  cancel(): void;
}

export function createPeer<TLocal extends Methods, TRemote extends Methods>(
  environment: Environment,
  connection: Connection,
  handlers: Handlers<TLocal>,
  checks: WireChecks,
): Peer<TRemote> {
  let nextId = 0;
  let open = true;
  let answering = 0;
  const outstanding = new Map<number, Waiting>();

  const send = (frame: { method?: string }): void => {
    const text = JSON.stringify({ jsonrpc: '2.0', ...frame });
    // A character is three bytes at most in UTF-8, or four for two.
    if (text.length * 3 > maxFrameBytes && Buffer.byteLength(text) > maxFrameBytes) {
      throw new TroupeError(
        'INVALID_INPUT',
        `"${frame.method ?? 'the answer'}" is larger than the link carries at once`,
      );
    }
    connection.send(text);
  };

  const sendError = (id: unknown, error: unknown): void => {
    const failure = toFailure(error);
    const details = error instanceof TroupeError ? error.details : {};
    send({ id, error: { code: -32_000, message: failure.message, data: { ...details, failure } } } as object);
  };

  const answer = async (id: unknown, method: string, params: object): Promise<void> => {
    try {
      const result = await handlers[method]!(params as never);
      if (id !== undefined && open) send({ id, result: result ?? null } as object);
    } catch (error) {
      if (id === undefined) {
        environment.log.error({ method, err: error }, 'a notification could not be handled');
      } else if (open) {
        sendError(id, error);
      }
    }
  };

  const takeAnswer = ({ id, result, error }: Frame): void => {
    const waiting = outstanding.get(id as number);
    // An answer that came after its time limit.
    if (!waiting) return;
    if (error === undefined) checks.result(waiting.method, result);
    outstanding.delete(id as number);
    waiting.cancel();
    if (error === undefined) waiting.resolve(result);
    else waiting.reject(remoteError(error));
  };

  const take = (frame: Frame): void => {
    if (typeof frame !== 'object' || frame === null || frame.jsonrpc !== '2.0')
      throw new Error('it is no JSON-RPC 2.0');
    const { id, method, params } = frame;
    if (method === undefined) {
      if (typeof id !== 'number') throw new Error('an answer without an id');
      return takeAnswer(frame);
    }
    if (typeof method !== 'string' || !Object.hasOwn(handlers, method))
      throw new Error(`this end does not take ${JSON.stringify(method)}`);
    if (id !== undefined && typeof id !== 'number') throw new Error('an id that is no number');
    checks.params(method, params, id !== undefined);
    if (answering >= outstandingMost) throw new Error('too many requests at once');
    answering += 1;
    void answer(id, method, params as object).finally(() => (answering -= 1));
  };

  connection.onFrame((text) => {
    if (!open) return;
    let frame: Frame;
    try {
      frame = JSON.parse(text) as Frame;
    } catch {
      return connection.close(notText, 'Not the protocol: it is no JSON');
    }
    try {
      take(frame);
    } catch (error) {
      connection.close(notAllowed, `Not the protocol: ${(error as Error).message}`);
    }
  });
  connection.onClose((_, reason) => {
    open = false;
    for (const { reject, cancel } of outstanding.values()) {
      cancel();
      reject(new TroupeError('HOST_UNREACHABLE', `The link has closed: ${reason || 'no reason given'}`));
    }
    outstanding.clear();
  });

  return {
    call(method, params, timeoutMs) {
      if (!open) return Promise.reject(new TroupeError('HOST_UNREACHABLE', 'The link is closed'));
      if (outstanding.size >= outstandingMost)
        return Promise.reject(new TroupeError('HOST_UNREACHABLE', 'Too many requests wait on the link'));
      nextId += 1;
      const id = nextId;
      return new Promise((resolve, reject) => {
        send({ id, method, params } as object);
        const cancel = environment.schedule(timeoutMs, () => {
          outstanding.delete(id);
          reject(new TroupeError('TIMED_OUT', `"${method}" was not answered within ${timeoutMs} ms`));
        });
        outstanding.set(id, { method, resolve: resolve as (result: unknown) => void, reject, cancel });
      });
    },
    notify(method, params) {
      if (open) send({ method, params } as object);
    },
    close: (code, reason) => connection.close(code, reason),
  };
}

/** What the other end threw, with its code, and whether it said that asking again can't help. */
function remoteError(error: unknown): TroupeError {
  const { message, data } = (error ?? {}) as { message?: unknown; data?: unknown };
  const { failure, ...details } = (data ?? {}) as { failure?: Partial<Failure> };
  const { code, retryable } = fromFailure({
    code: String(failure?.code ?? 'INTERNAL'),
    message: '',
    retryable: failure?.retryable === true,
  });
  return new TroupeError(code, String(message ?? 'The other end refused'), { retryable, details });
}
