/** Containers that an earlier release left behind go on under this one. */
import t from 'tap';
import { createActor } from 'xstate';
import { createDecider } from '../../src/actors/decide.ts';
import type { TurnEvent } from '../../src/actors/turn.ts';
import { containerChart, containerMachine } from '../../src/machines/container.machine.ts';
import type { ContainerContext } from '../../src/machines/container/context.ts';
import { containerInput } from './container-samples.ts';

const fresh = createActor(containerMachine, {
  input: { ...containerInput, sandbox: 'engine', networks: [] },
}).getSnapshot().context as ContainerContext;

/** As version 2 kept it. */
const { capsuleId, networks, published, askedHostname, pool, sandboxSound, sandboxEngineId, sandboxesAsked, ports, mounts, signal,
  killedWith, rebuilding, specVersion, resize, terms, deadlines, ...kept } = fresh; // prettier-ignore
const { networkIdleMs, ...oldDeadlines } = deadlines;
const old = { ...kept, deadlines: oldDeadlines, hostId: 'h1', claimHeld: true, containerHeld: true };

const migrate = (value: unknown) => containerChart.migrations[2]!({ value, context: old, chartVersion: 2 });

t.test('a container of version 2 lacks nothing that a new one has', async (t) => {
  const { context } = migrate('running');
  t.same([...Object.keys(context as object), 'capsuleId'].toSorted(), Object.keys(fresh).toSorted());
  t.equal(capsuleId, null, 'what version 4 has beside it');
  t.same(context, {
    ...old, networks, published, askedHostname, pool, sandboxSound, sandboxEngineId, sandboxesAsked, ports, mounts, signal,
    killedWith, rebuilding, specVersion, resize, terms, deadlines: { ...oldDeadlines, networkIdleMs: 300_000 },
  }); // prettier-ignore
  t.type(networkIdleMs, 'number');
});

t.test('one that was getting its image goes on to be created', async (t) => {
  const decider = createDecider(containerChart);
  const { value, context } = containerChart.migrations[3]!(
    migrate({ acquiring: { image: { pulling: 'attempting' }, network: 'ready' } }),
  );
  const restored = containerMachine.resolveState({ value: value as never, context: context as never });
  const { snapshot } = decider.next(
    restored as never,
    {
      type: 'xstate.done.actor.pullImage',
      output: { imageId: 'i' },
    } as TurnEvent,
  );
  t.ok(decider.paths(snapshot).join().startsWith('creating'), decider.paths(snapshot).join());
});
