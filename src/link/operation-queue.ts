/**
 * Operations for one host, in order, sent again in each session until they
 * are forgotten.
 *
 * Q1. At most `inFlight` that acquire something are out at once, so that a
 *     slow host is not buried.
 * Q2. What stops or removes never waits behind what is slow.
 */
import type { Failure } from '../model/failure.ts';
import type { HostEffectName, OperateParams } from './protocol.ts';

type Verdict = { readonly accepted: boolean; readonly failure: Failure | null };

export interface OperationQueue {
  /** Wants it sent; a repeat replaces what is sent in the next session. */
  want(params: OperateParams): void;
  forget(opId: string): void;
  /** A synced session: everything wanted goes out. `call` rejects when the agent didn't take it in time. */
  attach(call: (params: OperateParams) => Promise<Verdict>): void;
  detach(): void;
}

const releases: ReadonlySet<HostEffectName> = new Set(['stopContainer', 'removeContainer', 'removeSandbox']);

export function createOperationQueue(
  inFlight: number,
  refused: (opId: string, failure: Failure) => void,
): OperationQueue {
  const waiting = new Map<string, OperateParams>();
  /** Sent in this session and not yet forgotten. */
  const out = new Map<string, OperateParams>();
  let call: ((params: OperateParams) => Promise<Verdict>) | null = null;
  let acquiring = 0;

  const isRelease = ({ args }: OperateParams): boolean => releases.has(args.kind);

  const send = (params: OperateParams): void => {
    const mine = call!;
    waiting.delete(params.opId);
    out.set(params.opId, params);
    if (!isRelease(params)) acquiring += 1;
    mine(params).then(
      ({ accepted, failure }) => {
        if (accepted || out.get(params.opId) !== params) return;
        refused(
          params.opId,
          failure ?? { code: 'STALE_COMMAND', message: 'The agent refused it', retryable: false },
        );
      },
      () => {
        // The agent is silent about this one: once more. After a cut the next session sends it.
        if (call !== mine || out.get(params.opId) !== params) return;
        takeBack(params);
        if (isRelease(params)) send(params);
        else pump();
      },
    );
  };

  const takeBack = (params: OperateParams): void => {
    out.delete(params.opId);
    if (!isRelease(params)) acquiring -= 1;
    waiting.set(params.opId, params);
  };

  /** Sends what waits. While a session lasts only what acquires ever waits in it. */
  const pump = (): void => {
    if (!call) return;
    for (const params of waiting.values()) {
      if (acquiring >= inFlight) return;
      send(params);
    }
  };

  return {
    want(params) {
      if (out.has(params.opId) || waiting.has(params.opId)) return;
      waiting.set(params.opId, params);
      if (!call) return;
      if (isRelease(params) || acquiring < inFlight) send(params);
    },
    forget(opId) {
      waiting.delete(opId);
      const params = out.get(opId);
      if (!params) return;
      out.delete(opId);
      if (isRelease(params)) return;
      acquiring -= 1;
      pump();
    },
    attach(sender) {
      call = sender;
      for (const params of waiting.values()) if (isRelease(params)) send(params);
      pump();
    },
    detach() {
      call = null;
      // In their order, before what came later.
      const later = [...waiting.values()];
      waiting.clear();
      for (const params of [...out.values(), ...later]) waiting.set(params.opId, params);
      out.clear();
      acquiring = 0;
    },
  };
}
