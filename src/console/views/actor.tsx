/** One actor: its chart, lit; what it waits for; what would move it; how it got there. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { ChartNode } from '../../chart/definition.ts';
import type { Marks } from '../../chart/picture.ts';
import { now, saveFile } from '../browser.ts';
import { pathOfActor, useActor, type Actor } from '../live/actor.ts';
import { chartOf, idsOf } from '../live/charts.ts';
import type { JournalFile } from '../live/journal-file.ts';
import { call, session } from '../live/session.ts';
import { indexAt } from '../live/travel.ts';
import { asked, choose, linkTo } from '../router.ts';
import { BoundTo, PlacedOn } from './bound.tsx';
import { ChartView } from './chart-view.tsx';
import { Events } from './events.tsx';
import { History } from './history.tsx';
import { Logs } from './logs.tsx';
import { Moment } from './moment.tsx';
import { Now } from './now.tsx';
import { Stats } from './stats.tsx';
import { Status } from './status.tsx';
import { terminalsOf, TerminalView } from './terminal.tsx';
import { hostLoss, linkToWhatIf } from './what-if.tsx';

const nowhere: ReadonlySet<string> = new Set();

export function ActorPage({ kind, id }: { kind: string; id: string }) {
  const actor = useActor(kind, id);
  const { lifecycle, item, history, isLoaded, problem } = actor;
  const moment = asked('at');
  const index = moment === null ? null : indexAt(history, Number(moment));
  const record = index === null ? null : (history[index] ?? null);
  const version = record?.chartVersion ?? lifecycle?.chartVersion ?? history.at(-1)?.chartVersion ?? null;
  const chart = useChart(kind, version);

  const paths =
    (record ? record.to : (item?.statePaths ?? lifecycle?.statePaths ?? history.at(-1)?.to)) ?? [];
  const isAdmin = session.value?.identity.admin === true;
  const events = (record === null ? lifecycle?.allowedEvents : null) ?? [];
  const marks = useMemo<Marks>(() => {
    const active = idsOf(kind, paths);
    const next = events.filter(({ answer }) => answer === 'accepted');
    const reached = [
      ...idsOf(
        kind,
        next.flatMap(({ to }) => to),
      ),
    ].filter((each) => !active.has(each));
    return { active, next: reached.length > 0 ? new Set(reached) : nowhere };
  }, [kind, paths.join(), lifecycle, record]);

  const terminals = terminalsOf(lifecycle);
  // What was only noted since led nowhere.
  const lastMove = history.findLast(({ from, to }) => from.join() !== to.join());
  const hasEnded = isLoaded && lifecycle === null && history.length > 0;
  const name = item?.name ?? nameIn(actor) ?? id;
  if (isLoaded && lifecycle === null && history.length === 0) {
    return (
      <main id="main" class="nothing" tabIndex={-1}>
        <h1>{problem === null ? `There is no ${kind} “${id}”` : 'It can’t be shown'}</h1>
        <p class="soft">
          {problem ?? 'It never was here, its history has expired, or it is not yours to see.'}
        </p>
        <a class="button" href={linkTo([])}>
          Overview
        </a>
      </main>
    );
  }
  return (
    <main id="main" class="actor" tabIndex={-1}>
      <div class="actor-head">
        <h1>
          <span class="kind">{kind}</span> <span class="name">{name}</span>
        </h1>
        {hasEnded ? (
          <span class="status plain">
            <i class="dot" /> ended
          </span>
        ) : (
          <Status status={item?.status ?? lifecycle?.status ?? '…'} taskState={item?.taskState ?? null} />
        )}
        <dl class="facts">
          {name !== id && <Fact term="id" words={id} />}
          {item?.project && kind !== 'tenant' && (
            <Fact term="project" words={item.project} href={linkTo(['tenant', item.project])} />
          )}
          {kind !== 'host' && item?.host && <HostFact hostname={item.host} />}
          {version !== null && <Fact term="chart" words={`version ${version}`} />}
        </dl>
        <span class="actor-tools">
          {terminals.length > 0 && (
            <button
              class="quiet"
              aria-pressed={asked('terminal') !== null}
              onClick={() => choose({ terminal: asked('terminal') === null ? 'open' : null })}
            >
              Terminal
            </button>
          )}
          {kind === 'container' && !hasEnded && (
            <button
              class="quiet"
              aria-pressed={asked('log') !== null}
              onClick={() => choose({ log: asked('log') === null ? 'follow' : null })}
            >
              Log
            </button>
          )}
          {kind === 'container' && !hasEnded && (
            <button
              class="quiet"
              aria-pressed={asked('stats') !== null}
              onClick={() => choose({ stats: asked('stats') === null ? 'follow' : null })}
            >
              Uses
            </button>
          )}
          {kind === 'host' && isAdmin && !hasEnded && (
            <a class="button quiet" href={linkToWhatIf([{ kind, id, event: hostLoss }], true)}>
              If it were lost
            </a>
          )}
          <a
            class="button quiet"
            href={linkTo(['incident', kind, id], { at: moment ?? lastMove?.revision.toString() ?? null })}
          >
            What led here
          </a>
          <button
            class="quiet"
            disabled={history.length === 0}
            onClick={() => void exportJournal(kind, id, name, actor)}
          >
            Export journal
          </button>
        </span>
      </div>
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {record && (
        <div class="travelling" role="status">
          <b>This was revision {record.revision}.</b> What it says is from the journal, not from now.
          <button onClick={() => choose({ at: null, from: null })}>Back to now</button>
        </div>
      )}
      {lifecycle?.quarantined && (
        <p class="problem" role="alert">
          <b>Quarantined:</b> {lifecycle.quarantined.reason}
          {lifecycle.quarantined.event !== null && <> It broke at “{lifecycle.quarantined.event}”.</>}
        </p>
      )}
      {asked('terminal') !== null && lifecycle && terminals.length > 0 && (
        <TerminalView id={id} name={name} lifecycle={lifecycle} />
      )}
      <div class="actor-grid">
        <section class="card chart-card" aria-label={record ? 'Chart as it was' : 'Chart as it is'}>
          {chart.value ? (
            <ChartView chart={chart.value} marks={marks} />
          ) : (
            <p class="soft loading">{chart.problem ?? 'Loading the chart…'}</p>
          )}
        </section>
        <div class="side">
          {index !== null && record ? (
            <Moment records={history} index={index} />
          ) : (
            <>
              {lifecycle && <Now lifecycle={lifecycle} item={item} />}
              {lifecycle && <BoundTo related={lifecycle.related} />}
              {kind === 'host' && <PlacedOn hostname={name} />}
              {lifecycle && (
                <Events
                  name={name}
                  events={lifecycle.allowedEvents}
                  tryOut={(event) => linkToWhatIf([{ kind, id, event }])}
                  send={(event) => call('POST', `${pathOfActor(kind, id)}/events`, event)}
                />
              )}
            </>
          )}
        </div>
      </div>
      {asked('stats') !== null && !hasEnded && <Stats id={id} />}
      {asked('log') !== null && <Logs id={id} />}
      <History records={history} index={index} isLive={!hasEnded} />
    </main>
  );
}

function Fact({ term, words, href }: { term: string; words: string; href?: string }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>{href === undefined ? words : <a href={href}>{words}</a>}</dd>
    </div>
  );
}

/** A host's page goes by its id or its name. */
const HostFact = ({ hostname }: { hostname: string }) =>
  session.value?.identity.admin === true ? (
    <Fact term="host" words={hostname} href={linkTo(['host', hostname])} />
  ) : (
    <Fact term="host" words={hostname} />
  );

/** What the journal calls it, once it is gone. */
function nameIn({ history }: Actor): string | null {
  const hostname = (history[0]?.patch as { hostname?: unknown } | undefined)?.hostname;
  return history[0]?.event.type.startsWith('host') && typeof hostname === 'string' ? hostname : null;
}

interface FoundChart {
  readonly value: ChartNode | null;
  readonly problem: string | null;
}

function useChart(kind: string, version: number | null): FoundChart {
  const [found, setFound] = useState<FoundChart>({ value: null, problem: null });
  useEffect(() => {
    if (version === null) return;
    let isWanted = true;
    chartOf(kind, version).then(
      (value) => isWanted && setFound({ value, problem: null }),
      (error: unknown) =>
        isWanted && setFound((before) => ({ ...before, problem: (error as Error).message })),
    );
    return () => {
      isWanted = false;
    };
  }, [kind, version]);
  return found;
}

async function exportJournal(kind: string, id: string, name: string, { history }: Actor): Promise<void> {
  const versions = [...new Set(history.map(({ chartVersion }) => chartVersion))];
  const charts = await Promise.all(
    versions.map(async (version) => [String(version), await chartOf(kind, version)] as const),
  );
  const file: JournalFile = {
    format: 'troupe-journal',
    version: 1,
    kind,
    id,
    name,
    exported_at: new Date(now()).toISOString(),
    charts: Object.fromEntries(charts),
    history,
  };
  saveFile(`${kind}-${name}.journal.json`, JSON.stringify(file, null, 1));
}
