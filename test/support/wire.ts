/** A wire between an agent and host links, in memory, that a test can cut at any frame. */
import { Duplex, duplexPair, type Readable } from 'node:stream';
import { TroupeError } from '../../src/errors/errors.ts';
import type { HostLinks } from '../../src/link/host-links.ts';
import type { Connection, Dialer } from '../../src/link/transport.ts';

export type Direction = 'up' | 'down';

export interface SentFrame {
  readonly direction: Direction;
  readonly dial: number;
  readonly frame: { method?: string; params?: Record<string, unknown>; result?: unknown; error?: unknown };
}

export interface Wire {
  readonly dialer: Dialer;
  /** Every frame that was sent, arrived or not. */
  readonly frames: SentFrame[];
  /** Dials that were answered. */
  readonly dials: number;
  /** Null: nobody answers. */
  links: HostLinks | null;
  /** Called before each frame arrives; false loses it and cuts the wire. */
  passes: (frame: SentFrame) => boolean;
  /** Nothing arrives in these directions, and neither end is told. */
  readonly silent: Set<Direction>;
  cut(): void;
}

interface End extends Connection {
  receive(text: string): void;
  drop(code: number, reason: string): void;
}

function createEnd(send: (text: string) => void, closeOther: (code: number, reason: string) => void): End {
  const frames: ((frame: string) => void)[] = [];
  const closes: ((code: number, reason: string) => void)[] = [];
  let isOpen = true;
  const drop = (code: number, reason: string): void => {
    if (!isOpen) return;
    isOpen = false;
    for (const listener of closes) listener(code, reason);
  };
  return {
    bufferedBytes: 0,
    send: (text) => void (isOpen && send(text)),
    close(code, reason) {
      if (!isOpen) return;
      drop(code, reason);
      closeOther(code, reason);
    },
    onFrame: (listener) => void frames.push(listener),
    onClose: (listener) => void closes.push(listener),
    receive(text) {
      if (isOpen) for (const listener of frames) listener(text);
    },
    drop,
  };
}

export function createWire(): Wire {
  let cutCurrent = (): void => {};
  let dials = 0;

  const connect = (links: HostLinks): Connection => {
    dials += 1;
    const dial = dials;
    const carry = (direction: Direction, to: () => End) => (text: string) => {
      const sent: SentFrame = { direction, dial, frame: JSON.parse(text) as SentFrame['frame'] };
      wire.frames.push(sent);
      if (wire.silent.has(direction)) return;
      const passes = wire.passes(sent);
      void Promise.resolve().then(() => (passes ? to().receive(text) : cutBoth()));
    };
    const agent: End = createEnd(
      carry('up', () => server),
      (code, reason) => void Promise.resolve().then(() => server.drop(code, reason)),
    );
    const server: End = createEnd(
      carry('down', () => agent),
      (code, reason) => void Promise.resolve().then(() => agent.drop(code, reason)),
    );
    const cutBoth = (): void => {
      agent.drop(1006, 'The wire was cut');
      server.drop(1006, 'The wire was cut');
    };
    cutCurrent = cutBoth;
    links.accept(server, 'memory');
    return agent;
  };

  const wire: Wire = {
    frames: [],
    links: null,
    passes: () => true,
    silent: new Set(),
    get dials() {
      return dials;
    },
    cut: () => cutCurrent(),
    dialer: {
      async dial() {
        if (!wire.links) throw new TroupeError('HOST_UNREACHABLE', 'Nobody answers');
        return connect(wire.links);
      },
      stream(ticket: string, source: Readable | Duplex) {
        const bytes = source instanceof Duplex ? source : Duplex.from(source);
        if (!wire.links?.acceptStream(ticket, bytes)) source.destroy();
        return Promise.resolve();
      },
      async open(ticket: string) {
        const [mine, theirs] = duplexPair();
        if (!wire.links?.acceptStream(ticket, theirs))
          throw new TroupeError('HOST_UNREACHABLE', 'Nobody knows this ticket');
        return mine;
      },
    },
  };
  return wire;
}
