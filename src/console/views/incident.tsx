/** What led to what: one tree across actors, each step with a link to that moment. */
import { pathOfActor, partsOf } from '../live/actor.ts';
import type { Incident, IncidentStep } from '../../model/incident.ts';
import { useAnswer } from '../live/asking.ts';
import { call } from '../live/session.ts';
import { keyOf } from '../live/world.ts';
import { asked, choose, linkTo } from '../router.ts';
import { causeInWords, clockTime, dateTime, duration, eventOf } from '../words.ts';
import { ActorLink, Move, Steps } from './steps.tsx';

/** `#/incident/<kind>/<id>?at=<revision>`, or `#/incident?request=<id>`. */
export function IncidentPage({ kind, id }: { kind: string | undefined; id: string | undefined }) {
  const request = asked('request');
  const moment = asked('at');
  const path =
    kind !== undefined && id !== undefined
      ? `${pathOfActor(kind, id)}/incident${moment === null ? '' : `?revision=${encodeURIComponent(moment)}`}`
      : `/v1/incidents?request_id=${encodeURIComponent(request ?? '')}`;
  const { answer, problem } = useAnswer(
    path,
    () => call<Incident>('GET', path),
    (key, { steps }) => key === null || steps.some((step) => keyOfStep(step) === key),
  );
  const steps = answer?.steps ?? [];
  const [first] = steps;
  const way = wayTo(steps);
  const isOnlyWay = asked('only') === 'way' && way.length > 0;
  const last = Math.max(...steps.map(({ at }) => at));
  const actors = new Set(steps.map(({ address }) => address)).size;
  return (
    <main id="main" class="actor" tabIndex={-1}>
      <div class="actor-head">
        <h1>
          <span class="kind">incident</span>{' '}
          <span class="name">{first ? titleOf(first) : (request ?? id ?? '')}</span>
        </h1>
        {first && (
          <dl class="facts">
            <div>
              <dt>began</dt>
              <dd>
                {dateTime(first.at)}, {causeInWords(first).text}
              </dd>
            </div>
            <div>
              <dt>lasted</dt>
              <dd>{duration(last - first.at)}</dd>
            </div>
            <div>
              <dt>touched</dt>
              <dd>
                {actors} {actors === 1 ? 'actor' : 'actors'} in {steps.length}{' '}
                {steps.length === 1 ? 'step' : 'steps'}
              </dd>
            </div>
            {answer?.requestId && (
              <div>
                <dt>request</dt>
                <dd>
                  <code>{answer.requestId}</code>
                </dd>
              </div>
            )}
          </dl>
        )}
        {kind !== undefined && id !== undefined && (
          <span class="actor-tools">
            <a class="button quiet" href={linkTo([kind, id], { at: moment })}>
              Back to the {kind}
            </a>
          </span>
        )}
      </div>
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {!answer && problem === null && <p class="soft loading">Putting the causes together…</p>}
      {answer && (
        <section class="card" aria-labelledby="steps-title">
          <h2 id="steps-title">
            What led to what <span class="count">{steps.length}</span>
            {way.length > 0 && way.length < steps.length && (
              <button
                class="chip"
                aria-pressed={isOnlyWay}
                onClick={() => choose({ only: isOnlyWay ? null : 'way' })}
              >
                only the way here <b>{way.length}</b>
              </button>
            )}
          </h2>
          <Steps
            label="Steps, each below what led to it"
            steps={isOnlyWay ? way : steps}
            row={(step) => <Row step={step} />}
            isMarked={({ isAsked }) => isAsked}
          />
          {answer.isCut && <p class="soft more">There is more of it than is looked through at once.</p>}
        </section>
      )}
    </main>
  );
}

/** From what began it to the moment that was asked for, each led to by the one before. */
function wayTo(steps: readonly IncidentStep[]): readonly IncidentStep[] {
  const way: IncidentStep[] = [];
  for (
    let step = steps.find(({ isAsked }) => isAsked);
    step;
    step = step.by === null ? undefined : steps[step.by]
  )
    way.unshift(step);
  return way.map((step, index) => ({ ...step, by: index === 0 ? null : index - 1 }));
}

/** What began it, and of whom. */
function titleOf(step: IncidentStep): string {
  const { kind, id } = partsOf(step.address);
  return `${kind} ${step.name ?? id}: ${eventOf(step)}`;
}

const keyOfStep = ({ address }: IncidentStep): string => {
  const { kind, id } = partsOf(address);
  return keyOf(kind, id);
};

function Row({ step }: { step: IncidentStep }) {
  const { address, name, revision, at, from, to, refused, by } = step;
  const cause = causeInWords(step);
  return (
    <>
      <span class="step-time soft">{clockTime(at)}</span>
      <span class="step-what">
        <ActorLink address={address} name={name} at={String(revision)} /> <b>{eventOf(step)}</b>{' '}
        {refused === null ? <Move from={from} to={to} /> : <span class="tag bad">refused: {refused}</span>}
        {by === null && <span class="soft"> {cause.text}</span>}
      </span>
    </>
  );
}
