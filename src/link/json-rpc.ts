/**
 * A typed JSON-RPC 2.0 peer over one connection: requests both ways,
 * notifications, time limits. A frame that is no JSON-RPC, or a method nobody
 * declared, ends the connection: the other end is not who it says it is.
 *
 * @see JSON-RPC 2.0 specification
 */
import { TroupeError, toFailure } from '../errors/errors.ts';
import type { Environment } from '../model/environment.ts';
import { maxFrameBytes } from './protocol.ts';
import type { Connection } from './transport.ts';

type Methods = Record<string, { params: object; result: unknown }>;

/** What this end answers. A handler's result is sent; what it throws is sent as an error. */
export type Handlers<TMethods extends Methods> = {
  readonly [M in keyof TMethods]: (
    params: TMethods[M]['params'],
  ) => TMethods[M]['result'] | Promise<TMethods[M]['result']>;
};

/** Checks params that came over the wire; throws what is wrong with them. */
export type ParamsCheck = (method: string, params: unknown) => void;

export interface Peer<TRemote extends Methods> {
  /** @throws TroupeError HOST_UNREACHABLE when the connection ends first, TIMED_OUT, or what the other end threw */
  call<M extends keyof TRemote & string>(
    method: M,
    params: TRemote[M]['params'],
    timeoutMs: number,
  ): Promise<TRemote[M]['result']>;
  notify<M extends keyof TRemote & string>(method: M, params: TRemote[M]['params']): void;
  close(code: number, reason: string): void;
}

/** Requests that may wait for an answer at once. */
const outstandingMost = 10_000;

interface Frame {
  readonly jsonrpc?: unknown;
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message?: unknown; readonly data?: unknown };
}

export function createPeer<TLocal extends Methods, TRemote extends Methods>(
  environment: Environment,
  connection: Connection,
  handlers: Handlers<TLocal>,
  check: ParamsCheck,
): Peer<TRemote> {
  let nextId = 0;
  let open = true;
  const outstanding = new Map<
    number,
    { resolve(result: unknown): void; reject(error: Error): void; cancel(): void }
  >();

  const send = (frame: object): void => connection.send(JSON.stringify({ jsonrpc: '2.0', ...frame }));

  const answer = async (id: unknown, method: string, params: object): Promise<void> => {
    try {
      const result = await handlers[method]!(params as never);
      if (id !== undefined && open) send({ id, result: result ?? null });
    } catch (error) {
      if (id === undefined) {
        environment.log.error({ method, err: error }, 'a notification could not be handled');
        return;
      }
      const failure = toFailure(error);
      const details = error instanceof TroupeError ? error.details : {};
      if (open)
        send({ id, error: { code: -32_000, message: failure.message, data: { ...details, failure } } });
    }
  };

  connection.onFrame((text) => {
    let frame: Frame;
    try {
      if (text.length > maxFrameBytes) throw new Error('The frame is too large');
      frame = JSON.parse(text) as Frame;
      if (frame.jsonrpc !== '2.0') throw new Error('It is not JSON-RPC 2.0');
      if (typeof frame.method === 'string') {
        if (!Object.hasOwn(handlers, frame.method))
          throw new Error(`This end does not take "${frame.method}"`);
        check(frame.method, frame.params);
      }
    } catch (error) {
      return connection.close(1008, `Not the protocol: ${(error as Error).message}`.slice(0, 120));
    }
    if (typeof frame.method === 'string') {
      void answer(frame.id, frame.method, frame.params as object);
      return;
    }
    const waiting = outstanding.get(frame.id as number);
    if (!waiting) return;
    outstanding.delete(frame.id as number);
    waiting.cancel();
    if (frame.error) waiting.reject(remoteError(frame.error));
    else waiting.resolve(frame.result);
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
        const cancel = environment.schedule(timeoutMs, () => {
          outstanding.delete(id);
          reject(new TroupeError('TIMED_OUT', `"${method}" was not answered within ${timeoutMs} ms`));
        });
        outstanding.set(id, { resolve: resolve as (result: unknown) => void, reject, cancel });
        send({ id, method, params });
      });
    },
    notify(method, params) {
      if (open) send({ method, params });
    },
    close: (code, reason) => connection.close(code, reason),
  };
}

/** An error of the other end, with what it said of itself. */
export function remoteError(error: { readonly message?: unknown; readonly data?: unknown }): TroupeError {
  const data = (error.data ?? {}) as { failure?: { code?: string; retryable?: boolean }; fatal?: boolean };
  const refused = data.failure?.code === 'LINK_REFUSED';
  return new TroupeError(
    refused ? 'LINK_REFUSED' : 'HOST_UNREACHABLE',
    String(error.message ?? 'The other end refused'),
    {
      details: { fatal: data.fatal ?? false },
    },
  );
}
