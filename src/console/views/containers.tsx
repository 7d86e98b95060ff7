/** All containers: counted by status, searched, filtered, and scrolled however many there are. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { clock } from '../browser.ts';
import { ageMs, type Item } from '../live/world.ts';
import { asked, choose, linkTo } from '../router.ts';
import { toneOf, type Tone } from '../tone.ts';
import { age } from '../words.ts';
import { Status } from './status.tsx';

const order: readonly Tone[] = ['bad', 'warn', 'moving', 'good', 'plain'];

export function Containers({ items, showProject }: { items: readonly Item[]; showProject: boolean }) {
  const search = asked('q') ?? '';
  const status = asked('status');
  const containers = useMemo(() => items.filter(({ kind }) => kind === 'container'), [items]);
  const counts = useMemo(() => countsOf(containers), [containers]);
  const shown = useMemo(() => {
    const words = search
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '');
    return containers.filter(
      (item) =>
        (status === null || item.status === status) && words.every((word) => textOf(item).includes(word)),
    );
  }, [containers, search, status]);

  return (
    <section class="card containers" aria-labelledby="containers-title">
      <h2 id="containers-title">
        Containers <span class="count">{containers.length}</span>
      </h2>
      <div class="shares" aria-hidden="true">
        {counts.map(([word, count]) => (
          <span key={word} class={toneOf(word)} style={{ flexGrow: count }} title={`${word}: ${count}`} />
        ))}
      </div>
      <div class="filters">
        <Search value={search} />
        <div class="chips" role="group" aria-label="Only with status">
          {counts.map(([word, count]) => (
            <button
              key={word}
              class={`chip ${toneOf(word)}`}
              aria-pressed={status === word}
              onClick={() => choose({ status: status === word ? null : word })}
            >
              <i class="dot" /> {word} <b>{count}</b>
            </button>
          ))}
        </div>
      </div>
      <Rows items={shown} showProject={showProject} />
      <p class="soft foot" role="status">
        {shown.length === containers.length
          ? `${shown.length} containers`
          : `${shown.length} of ${containers.length} containers`}
      </p>
    </section>
  );
}

function Search({ value }: { value: string }) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const focus = (event: KeyboardEvent): void => {
      const isTyping =
        event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    addEventListener('keydown', focus);
    return () => removeEventListener('keydown', focus);
  }, []);
  return (
    <label class="search">
      <span class="unseen">Search by name, id, host, project, state or reason</span>
      <input
        ref={input}
        type="search"
        placeholder="Search: name, id, host, project, state, reason   /"
        value={value}
        onInput={(event) =>
          choose({ q: event.currentTarget.value === '' ? null : event.currentTarget.value })
        }
      />
    </label>
  );
}

/** Rows are of one height, so that only those in sight need be drawn. */
const spareRows = 6;

function Rows({ items, showProject }: { items: readonly Item[]; showProject: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [size, setSize] = useState({ height: 600, row: 40 });
  useEffect(() => {
    const { current } = box;
    if (!current) return;
    const measure = (): void => {
      const row = Number.parseFloat(getComputedStyle(current).getPropertyValue('--row')) || 40;
      setSize({ height: current.clientHeight, row });
    };
    const observer = new ResizeObserver(measure);
    observer.observe(current);
    return () => observer.disconnect();
  }, []);
  const first = Math.max(0, Math.floor(top / size.row) - spareRows);
  const visible = items.slice(first, first + Math.ceil(size.height / size.row) + 2 * spareRows);
  const at = clock.value;
  return (
    <div
      class={`rows ${showProject ? 'with-project' : ''}`}
      ref={box}
      role="table"
      aria-label="Containers"
      aria-rowcount={items.length + 1}
      tabIndex={0}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
    >
      <div role="rowgroup" class="row-head">
        <div role="row" aria-rowindex={1} class="row">
          <span role="columnheader">Name</span>
          <span role="columnheader">Status</span>
          {showProject && <span role="columnheader">Project</span>}
          <span role="columnheader">Host</span>
          <span role="columnheader">Since</span>
          <span role="columnheader">State, reason</span>
        </div>
      </div>
      <div role="rowgroup" class="row-body" style={{ height: `${items.length * size.row}px` }}>
        {visible.map((item, index) => (
          <div
            key={item.id}
            role="row"
            aria-rowindex={first + index + 2}
            class={`row ${toneOf(item.status)}`}
            style={{ transform: `translateY(${(first + index) * size.row}px)` }}
          >
            <span role="cell" class="cell-name">
              <a href={linkTo([item.kind, item.id])}>{item.name}</a>
            </span>
            <span role="cell">
              <Status status={item.status} taskState={item.taskState} />
            </span>
            {showProject && (
              <span role="cell" class="soft">
                {item.project}
              </span>
            )}
            <span role="cell" class="soft">
              {item.host ?? '–'}
            </span>
            <span role="cell" class="soft">
              {age(ageMs(item.since, at))}
            </span>
            <span role="cell" class="cell-reason" title={item.reason ?? ''}>
              <code>{item.statePaths.join(' + ')}</code> {item.reason}
            </span>
          </div>
        ))}
      </div>
    </div>
  );
}

function countsOf(containers: readonly Item[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const { status } of containers) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].toSorted(
    ([a], [b]) => order.indexOf(toneOf(a)) - order.indexOf(toneOf(b)) || (a < b ? -1 : 1),
  );
}

const texts = new WeakMap<Item, string>();

/** All that a search looks at; made once for each state of an item. */
function textOf(item: Item): string {
  let text = texts.get(item);
  if (text === undefined) {
    const { name, id, host, project, status, taskState, reason, statePaths } = item;
    text = [name, id, host, project, status, taskState, reason, ...statePaths].join(' ').toLowerCase();
    texts.set(item, text);
  }
  return text;
}
