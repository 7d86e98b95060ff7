import t from 'tap';
import type { AnyMachineSnapshot } from 'xstate';
import {
  healthMachine,
  verdictOf,
  type HealthContext,
  type HealthSnapshot,
} from '../../src/agent/health.machine.ts';
import type { Chart } from '../../src/machines/chart.ts';
import { common } from '../machines/common-proofs.ts';
import { explore, failed, proofs, type ProofSubject } from '../machines/proofs.ts';

/** What the proofs need of a chart; it is the agent's own and in no catalogue. */
const chart = {
  machine: healthMachine,
  version: 1,
  project: () => ({ status: 'followed', taskState: null, reason: null }),
  describe: (invokeId: string) => invokeId,
  commands: [],
  migrations: {},
} as unknown as Chart;

const timing = { intervalMs: 1, timeoutMs: 1, startPeriodMs: 1, failuresMost: 2, passesLeast: 2 };
const input = { timing, before: 'starting', startPeriodLeftMs: 0, paused: false };

const subject: ProofSubject = {
  chart,
  inputs: [
    input,
    { ...input, startPeriodLeftMs: 1 },
    { ...input, paused: true },
    { ...input, before: 'healthy' },
    { ...input, before: 'unhealthy', startPeriodLeftMs: 1 },
  ],
  events: () => [{ type: 'run.paused' }, { type: 'run.unpaused' }, { type: 'run.ended' }],
  results: (invokeId, src) =>
    src === 'probe'
      ? [
          { type: `xstate.done.actor.${invokeId}`, output: { passed: true, reason: null } },
          { type: `xstate.done.actor.${invokeId}`, output: { passed: false, reason: 'It answered 503' } },
          failed(invokeId),
        ]
      : [{ type: `xstate.done.actor.${invokeId}` }, failed(invokeId)],
  project: (context) => {
    const { passes, failures, before, startPeriodLeftMs } = context as HealthContext;
    return [passes, failures, before, startPeriodLeftMs];
  },
};

t.test('the chart of a run’s health', async (t) => {
  const space = explore(subject);
  common(t, 'health', space);
  t.same(proofs.theEndIsInReach(space), []);
  t.same(
    proofs.isAnsweredEverywhere(space, ({ type }) => type === 'run.ended'),
    [],
  );

  const of = (snapshot: AnyMachineSnapshot) => snapshot as unknown as HealthSnapshot;
  const alive = space.steps.filter(({ to }) => to.snapshot.status === 'active');
  const became = (health: string) =>
    alive.filter(
      ({ from, to }) => verdictOf(of(from.snapshot)) !== health && verdictOf(of(to.snapshot)) === health,
    );
  t.ok(became('healthy').length > 0 && became('unhealthy').length > 0);
  t.same(
    became('healthy').filter(({ to }) => of(to.snapshot).context.passes < timing.passesLeast),
    [],
    'nothing becomes healthy before it passed often enough in a row',
  );
  t.same(
    became('unhealthy').filter(({ to }) => of(to.snapshot).context.failures < timing.failuresMost),
    [],
    'nor unhealthy before it failed often enough in a row',
  );
  t.same(
    alive.filter(({ from, to }) => {
      const counted = of(to.snapshot).context.failures > of(from.snapshot).context.failures;
      return counted && of(from.snapshot).matches({ followed: { startPeriod: 'lasting' } });
    }),
    [],
    'no failure counts in the start period',
  );
  t.same(
    [...space.configurations.values()].filter(
      ({ snapshot, invokes }) =>
        of(snapshot).matches({ followed: { probes: 'paused' } }) &&
        (invokes.has('probe') || invokes.has('interval.deadline')),
    ),
    [],
    'what is paused is not probed',
  );
});
