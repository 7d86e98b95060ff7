/** Actors in short, each a link to its own page: those that one is bound to, those of a host, all capsules. */
import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import { partsOf } from '../live/actor.ts';
import type { RelatedActor } from '../../model/lifecycle.ts';
import { allItems, itemOf, worldRevision, type Item } from '../live/world.ts';
import { linkTo } from '../router.ts';
import { toneOf, type Tone } from '../tone.ts';
import { Status } from './status.tsx';
import { ActorLink } from './steps.tsx';

/** Of each kind; the overview has all containers. */
const rowsMost = 20;

export function BoundTo({ related }: { related: readonly RelatedActor[] }) {
  if (related.length === 0) return null;
  return (
    <section class="card bound" aria-labelledby="bound-title">
      <h2 id="bound-title">Bound to</h2>
      <ul>
        {related.map(({ address, name, status, reason }) => {
          const { kind, id } = partsOf(address);
          return (
            <li key={address}>
              <ActorLink address={address} name={name} />
              <Status status={itemOf(kind, id)?.status ?? status} />
              {reason && <span class="soft">{reason}</span>}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** What is placed on a host, what is wrong first. */
export function PlacedOn({ hostname }: { hostname: string }) {
  const revision = worldRevision.value;
  const byKind = useMemo(() => placedOn(hostname), [hostname, revision]);
  if (byKind.size === 0) return null;
  return (
    <section class="card bound" aria-labelledby="placed-title">
      <h2 id="placed-title">Placed here</h2>
      {[...byKind].map(([kind, items]) => (
        <details key={kind} open={kind === 'container'}>
          <summary>
            {kind === 'sandbox' ? 'sandboxes' : `${kind}s`} <span class="count">{items.length}</span>
          </summary>
          <Rows items={items}>
            {kind === 'container' ? <a href={linkTo([], { q: hostname })}>all {items.length}</a> : null}
          </Rows>
        </details>
      ))}
    </section>
  );
}

/** All capsules, what is wrong first; their members are among the containers. */
export function Capsules({ items }: { items: readonly Item[] }) {
  const capsules = useMemo(
    () => items.filter(({ kind }) => kind === 'capsule').toSorted(worstFirst),
    [items],
  );
  if (capsules.length === 0) return null;
  return (
    <section class="card bound" aria-labelledby="capsules-title">
      <h2 id="capsules-title">
        Capsules <span class="count">{capsules.length}</span>
      </h2>
      <Rows items={capsules} />
    </section>
  );
}

/** @param children the way to the others, where there is one */
function Rows({ items, children = null }: { items: readonly Item[]; children?: ComponentChildren }) {
  return (
    <>
      <ul>
        {items.slice(0, rowsMost).map(({ kind, id, name, status }) => (
          <li key={id}>
            <a href={linkTo([kind, id])}>{name}</a>
            <Status status={status} />
          </li>
        ))}
      </ul>
      {items.length > rowsMost && (
        <p class="soft more">{children ?? `and ${items.length - rowsMost} more`}</p>
      )}
    </>
  );
}

const order = ['container', 'capsule', 'sandbox', 'pool', 'network', 'volume', 'image'];
/** What is neither bad nor on its way comes last. */
const ranks: readonly Tone[] = ['bad', 'warn', 'moving', 'good', 'plain'];
const rank = ({ status }: Item): number => Math.min(ranks.indexOf(toneOf(status)), ranks.indexOf('good'));
const worstFirst = (a: Item, b: Item): number => rank(a) - rank(b) || (a.name < b.name ? -1 : 1);

function placedOn(hostname: string): ReadonlyMap<string, readonly Item[]> {
  const byKind = new Map<string, Item[]>();
  for (const item of allItems()) {
    if (item.host !== hostname || item.kind === 'host') continue;
    const known = byKind.get(item.kind);
    if (known) known.push(item);
    else byKind.set(item.kind, [item]);
  }
  return new Map(
    [...byKind]
      .toSorted(([a], [b]) => order.indexOf(a) - order.indexOf(b))
      .map(([kind, items]) => [kind, items.toSorted(worstFirst)]),
  );
}
