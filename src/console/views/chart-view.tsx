/** A chart on the page: laid out beside it, lit as it is told, zoomed and opened by hand. */
import { h, type VNode } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ChartNode } from '../../chart/definition.ts';
import { pictureOf, type Marks, type Shape } from '../../chart/picture.ts';
import { layOut, openable, type LaidOut } from '../live/charts.ts';

/** Charts with no more states than this are shown with all that is inside. */
const wholeMost = 20;
const [smallest, largest] = [0.35, 1.5];
/** Below this nothing can be read, so that it is scrolled instead; a wall is read from afar. */
const readableIn = (width: number): number => (width > 1_500 ? 1 : 0.8);
/** Where the whole counts more than what is written in it. */
const overviewLeast = 0.5;

const drawn = ({ tag, attributes, children }: Shape, key = 0): VNode =>
  h(
    tag,
    { key, ...attributes },
    children.map((child, index) => (typeof child === 'string' ? child : drawn(child, index))),
  );

export interface ChartViewProps {
  readonly chart: ChartNode;
  readonly marks: Marks;
  /** An overview: opens no state by itself, and is shown whole. */
  readonly isStill?: boolean;
}

export function ChartView({ chart, marks, isStill = false }: ChartViewProps) {
  const all = useMemo(() => openable(chart), [chart]);
  const [open, setOpen] = useState<ReadonlySet<string>>(
    () => new Set(Object.keys(chart.states).length + all.length <= wholeMost && all.length < 6 ? all : []),
  );
  const [laidOut, setLaidOut] = useState<LaidOut | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [zoom, setZoom] = useState<number | null>(null);
  const [room, setRoom] = useState({ width: 800, height: 600 });
  const frame = useRef<HTMLDivElement>(null);

  // What is active is opened, and stays so: a chart that folds itself up again can't be watched.
  const activeInside = all.filter((id) => marks.active.has(id)).join(' ');
  useEffect(() => {
    const missing = activeInside.split(' ').filter((id) => id !== '' && !open.has(id));
    if (!isStill && missing.length > 0) setOpen(new Set([...open, ...missing]));
  }, [activeInside]);

  useEffect(() => {
    let isWanted = true;
    layOut(chart, open, 'DOWN').then(
      (next) => isWanted && (setLaidOut(next), setProblem(null)),
      (error: unknown) => isWanted && setProblem(`The chart can’t be laid out: ${String(error)}`),
    );
    return () => {
      isWanted = false;
    };
  }, [chart, open]);

  useEffect(() => {
    const { current } = frame;
    if (!current) return;
    const observer = new ResizeObserver(() =>
      setRoom({ width: current.clientWidth, height: current.clientHeight }),
    );
    observer.observe(current);
    return () => observer.disconnect();
  }, []);

  const { width = 1, height = 1 } = laidOut?.laid ?? {};
  const whole = Math.min((room.width - 24) / width, (room.height - 24) / height);
  const scale = zoom ?? Math.min(largest, Math.max(isStill ? overviewLeast : readableIn(room.width), whole));
  const picture = useMemo(() => laidOut && pictureOf(laidOut.graph, laidOut.laid, marks), [laidOut, marks]);

  // What is active is in sight.
  const activeIds = [...marks.active].join(' ');
  useLayoutEffect(() => {
    const { current } = frame;
    const lit = [...(current?.querySelectorAll<SVGGElement>('.state.active, .state.counted') ?? [])].at(-1);
    const box = lit?.querySelector('rect')?.getBoundingClientRect();
    if (!current || !box) return;
    const outer = current.getBoundingClientRect();
    const isInSight =
      box.left >= outer.left &&
      box.right <= outer.right &&
      box.top >= outer.top &&
      box.bottom <= outer.bottom;
    if (isInSight) return;
    current.scrollBy({
      left: box.left + box.width / 2 - (outer.left + outer.width / 2),
      top: box.top + box.height / 2 - (outer.top + outer.height / 2),
    });
  }, [activeIds, laidOut, scale, room]);

  const toggle = (target: EventTarget | null): boolean => {
    const group = target instanceof Element ? target.closest<SVGGElement>('[aria-expanded]') : null;
    const id = group?.dataset['state'];
    if (id === undefined) return false;
    const next = new Set(open);
    if (!next.delete(id)) next.add(id);
    setOpen(next);
    return true;
  };
  const zoomBy = (factor: number): void =>
    setZoom(Math.min(largest * 1.5, Math.max(smallest, scale * factor)));

  return (
    <div class="chart-view">
      <div class="chart-tools" role="toolbar" aria-label="Chart">
        <button class="quiet" onClick={() => zoomBy(1 / 1.25)} aria-label="Smaller">
          −
        </button>
        <button class="quiet" onClick={() => zoomBy(1.25)} aria-label="Larger">
          +
        </button>
        <button class="quiet" onClick={() => setZoom(zoom === null ? Math.max(smallest, whole) : null)}>
          {zoom === null ? 'Whole' : 'Fit'}
        </button>
        {all.length > 0 && (
          <button class="quiet" onClick={() => setOpen(new Set(open.size < all.length ? all : []))}>
            {open.size < all.length ? 'Open all' : 'Close all'}
          </button>
        )}
      </div>
      <div
        class="chart-frame"
        ref={frame}
        tabIndex={0}
        role="region"
        aria-label="Statechart"
        onClick={(event) => toggle(event.target)}
        onKeyDown={(event) => {
          if ((event.key === 'Enter' || event.key === ' ') && toggle(event.target)) event.preventDefault();
        }}
      >
        {problem !== null && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        {!picture && problem === null && <p class="soft loading">Laying out the chart…</p>}
        {picture &&
          drawn({
            ...picture,
            attributes: {
              ...picture.attributes,
              width: Math.round(width * scale),
              height: Math.round(height * scale),
            },
          })}
      </div>
      <p class="legend" aria-hidden="true">
        {!marks.counts && (
          <span>
            <i class="lit" />
            active
          </span>
        )}
        <span>
          <i class="passing" />
          moves on by itself
        </span>
        {marks.next.size > 0 && (
          <span>
            <i class="near" />
            you could send it there
          </span>
        )}
      </p>
    </div>
  );
}
