/**
 * One watching socket as the hub's reader: frames out, and no more of them in
 * memory than it may have waiting.
 */
import type { WebSocket } from 'ws';
import type { ControlPlane } from '../../actors/index.ts';
import type { WatchChange, Watched, WatchHandlers } from '../../model/watch.ts';
import { parseAddress, type Address } from '../../model/address.ts';

/** Bytes of changes waiting for one reader; a slower one is dropped. */
const bufferedMost = 1024 * 1024;

/** Changes as they go out, written once for all who watch and see where things are, and once for those who don't. */
const written = { placed: new WeakMap<WatchChange, Buffer>(), unplaced: new WeakMap<WatchChange, Buffer>() };

export function createReader(
  socket: WebSocket,
  { label }: Pick<ControlPlane, 'label'>,
  /** Whether it is told which host something is on. */
  showsHosts: boolean,
  /** Called before a change is sent: what is sent until the end of the turn may leave together. */
  hold: () => void,
  tooSlow: (lastPosition: string) => void,
): WatchHandlers {
  /** Kind, id and project instead of our internal address; what people call it; and where it is now. */
  const named = <T extends { readonly address: string }>({ address, ...rest }: T): Watched<T> => {
    const { kind, id, tenant } = parseAddress(address);
    const { name, host } = label(address as Address);
    return { kind, id, project_id: tenant, name, host: showsHosts ? host : null, ...rest };
  };
  const texts = showsHosts ? written.placed : written.unplaced;
  let last = '';
  /** Bytes of snapshots on their way: however large, they are what was asked for. */
  let excused = 0;
  const isReading = (): boolean => {
    if (socket.readyState !== socket.OPEN) return false;
    if (socket.bufferedAmount <= bufferedMost + excused) return true;
    tooSlow(last);
    return false;
  };
  return {
    snapshot(views, position) {
      if (!isReading()) return false;
      last = position;
      const text = JSON.stringify({ type: 'snapshot', items: views.map(named), position });
      const bytes = Buffer.byteLength(text);
      excused += bytes;
      socket.send(text, () => (excused -= bytes));
      return true;
    },
    change(change) {
      if (!isReading()) return false;
      last = change.position;
      let text = texts.get(change);
      if (text === undefined)
        texts.set(change, (text = Buffer.from(JSON.stringify({ type: 'change', ...named(change) }))));
      hold();
      socket.send(text, { binary: false });
      return true;
    },
    // A ping leaves when all before it has, and is told when it has left.
    drained: () =>
      new Promise((resolve) =>
        socket.ping('', undefined, (error) => resolve(error === undefined || error === null)),
      ),
  };
}
