import type { Duplex, Readable } from 'node:stream';

/**
 * One open control connection, whatever carries it: a `ws` socket in
 * production, a simulated wire in the simulation. Frames keep their order.
 */
export interface Connection {
  /** Queues one text frame. After close it does nothing. */
  send(frame: string): void;
  /** Bytes accepted by `send` and not yet handed to the network. */
  readonly bufferedBytes: number;
  /** Idempotent. */
  close(code: number, reason: string): void;
  onFrame(listener: (frame: string) => void): void;
  /** Told once, also when we closed it. */
  onClose(listener: (code: number, reason: string) => void): void;
}

/** Opens connections to the control plane; the agent's side. */
export interface Dialer {
  /** @throws TroupeError HOST_UNREACHABLE when nobody answers */
  dial(signal: AbortSignal): Promise<Connection>;
  /**
   * A data socket: sends the ticket, then the bytes of `source` with back-pressure, then closes. A source that is also written
   * to gets what the other end says, and its end; it is destroyed, not ended, when the other end leaves.
   */
  stream(ticket: string, source: Readable | Duplex, signal: AbortSignal): Promise<void>;
  /**
   * A data socket as a stream of bytes both ways, behind its ticket. It fails with HOST_UNREACHABLE when it is cut off.
   * @throws TroupeError HOST_UNREACHABLE
   */
  open(ticket: string, signal: AbortSignal): Promise<Duplex>;
}
