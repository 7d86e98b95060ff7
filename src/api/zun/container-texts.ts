/**
 * Containers as lists show them, as JSON. Each is written once for as long as it
 * stays as it is: a view that is the very same object shows the very same, but for
 * the words that tell time.
 */
import { LRUCache } from 'lru-cache';
import { lastingFields, statusDetail, type ViewOptions } from './container-view.ts';
import type { ContainerView } from '../../model/container-view.ts';

/** Containers kept of each way to show them, the last that were listed. */
const keptMost = 20_000;

/** What is shown of a container to somebody. */
export interface Shown {
  readonly shows: ViewOptions['shows'];
  /** Whoever is shown the same fields has the same. */
  readonly key: string;
}

interface Text {
  readonly view: ContainerView;
  readonly before: Buffer;
  readonly after: Buffer;
}

/** JSON of a list. @param now epoch ms */
export type TextsOf = (
  views: readonly ContainerView[],
  shown: (view: ContainerView) => Shown,
  now: number,
) => Buffer;

export function createContainerTexts(): TextsOf {
  const ways = new Map<string, LRUCache<string, Text>>();
  const textOf = (view: ContainerView, { key, shows }: Shown): Text => {
    let recent = ways.get(key);
    if (!recent) ways.set(key, (recent = new LRUCache({ max: keptMost })));
    const known = recent.get(view.id);
    if (known?.view === view) return known;
    const text = written(view, shows);
    recent.set(view.id, text);
    return text;
  };
  return (views, shown, now) => {
    /** Many say the same. */
    const details = new Map<string | null, Buffer>();
    const detailOf = (view: ContainerView): Buffer => {
      const detail = statusDetail(view, now);
      let text = details.get(detail);
      if (!text) details.set(detail, (text = Buffer.from(JSON.stringify(detail))));
      return text;
    };
    const parts: Buffer[] = [];
    for (const view of views) {
      const { before, after } = textOf(view, shown(view));
      parts.push(parts.length === 0 ? opening : comma, before, detailOf(view), after);
    }
    return Buffer.concat(parts.length === 0 ? [opening, closing] : [...parts, closing]);
  };
}

const [opening, comma, closing] = ['[', ',', ']'].map((text) => Buffer.from(text)) as [
  Buffer,
  Buffer,
  Buffer,
];

function written(view: ContainerView, shows: ViewOptions['shows']): Text {
  const [before, after] = lastingFields(view, { shows, baseUrl: null });
  return {
    view,
    before: Buffer.from(`${JSON.stringify(before).slice(0, -1)},"status_detail":`),
    after: Buffer.from(`,${JSON.stringify(after).slice(1)}`),
  };
}
