/**
 * What must hold of every chart, over all configurations that can be reached.
 *
 * A configuration is the active states and what guards read of the context;
 * counters that only grow are projected to the few values that guards tell
 * apart. The walk uses the very function that the runtime decides with.
 */
import { isDeepStrictEqual } from 'node:util';
import type { AnyMachineSnapshot, AnyStateNode } from 'xstate';
import { createDecider, type Decider } from '../../src/actors/decide.ts';
import type { Chart } from '../../src/machines/chart.ts';
import type { Emitted } from '../../src/model/events.ts';

export type ProofEvent = { readonly type: string; readonly [field: string]: unknown };

export interface ProofSubject {
  readonly chart: Chart;
  readonly inputs: readonly unknown[];
  /** Events from outside that may arrive in any state, for the snapshot at hand. */
  readonly events: (snapshot: AnyMachineSnapshot) => readonly ProofEvent[];
  /** Results of each invoke: outputs, and failures. */
  readonly results: (invokeId: string, src: string, snapshot: AnyMachineSnapshot) => readonly ProofEvent[];
  /** What of the context makes two configurations different. */
  readonly project: (context: unknown, paths: readonly string[]) => unknown;
}

/** What one container takes, in proofs that need an amount. */
export const proofAmounts = { containers: 1, cpuMillis: 500, memoryMib: 100, diskGib: 1 };

/** An invoke's failure that no retry cures. */
export const failed = (invokeId: string): ProofEvent => ({
  type: `xstate.error.actor.${invokeId}`,
  error: { code: 'INTERNAL', message: 'It failed', retryable: false },
});

export interface Step {
  readonly from: Configuration;
  readonly event: ProofEvent;
  readonly to: Configuration;
  readonly emitted: readonly Emitted[];
  readonly changed: boolean;
}

export interface Configuration {
  readonly key: string;
  readonly paths: readonly string[];
  readonly snapshot: AnyMachineSnapshot;
  readonly invokes: ReadonlySet<string>;
}

export interface Space {
  readonly decider: Decider;
  readonly configurations: ReadonlyMap<string, Configuration>;
  readonly steps: readonly Step[];
  readonly initial: readonly Configuration[];
  readonly initialEmitted: ReadonlyMap<string, readonly Emitted[]>;
  readonly errors: readonly string[];
  /** guard → answers seen. */
  readonly guards: ReadonlyMap<string, ReadonlySet<boolean>>;
  readonly events: number;
  readonly ms: number;
}

/** More configurations than this and the projection is wrong, not the chart large. */
const configurationsMost = 50_000;

/** Walks the whole space, breadth first, or until what was come to is enough. */
export function explore(
  subject: ProofSubject,
  isEnough: (configuration: Configuration) => boolean = () => false,
): Space {
  const began = performance.now();
  const guards = new Map<string, Set<boolean>>();
  const machine = subject.chart.machine;
  const originals = { ...machine.implementations.guards };
  for (const [name, guard] of Object.entries(originals)) {
    guards.set(name, new Set());
    machine.implementations.guards[name] = ((args: unknown, params: unknown) => {
      const answer = (guard as (args: unknown, params: unknown) => boolean)(args, params);
      guards.get(name)!.add(answer);
      return answer;
    }) as never;
  }
  try {
    const decider = createDecider(subject.chart);
    const configurations = new Map<string, Configuration>();
    const steps: Step[] = [];
    const errors: string[] = [];
    const initialEmitted = new Map<string, readonly Emitted[]>();
    const queue: Configuration[] = [];
    const eventTypes = new Set<string>();
    const place = (snapshot: AnyMachineSnapshot): Configuration => {
      const paths = decider.paths(snapshot);
      const key = JSON.stringify([paths, subject.project(snapshot.context, paths)]);
      const known = configurations.get(key);
      if (known) return known;
      const configuration = { key, paths, snapshot, invokes: decider.invokes(snapshot) };
      configurations.set(key, configuration);
      queue.push(configuration);
      return configuration;
    };
    const initial = subject.inputs.map((input) => {
      const decision = decider.initial(input);
      const configuration = place(decision.snapshot);
      initialEmitted.set(configuration.key, decision.emitted);
      return configuration;
    });
    for (let from = queue.shift(); from && !isEnough(from); from = queue.shift()) {
      if (configurations.size > configurationsMost)
        throw new Error('The space does not close: project the context further');
      if (from.snapshot.status !== 'active') continue;
      const results = [...invokesOf(from.snapshot)].flatMap(({ id, src }) =>
        subject.results(id, src, from.snapshot),
      );
      for (const event of [...subject.events(from.snapshot), ...results]) {
        eventTypes.add(event.type);
        try {
          const decision = decider.next(from.snapshot, event);
          steps.push({
            from,
            event,
            // Most are answered where they are, and change nothing.
            to: decision.changed ? place(decision.snapshot) : from,
            emitted: decision.emitted,
            changed: decision.changed,
          });
        } catch (error) {
          errors.push(`${event.type} in ${from.paths.join()} threw: ${(error as Error).message}`);
        }
      }
    }
    return {
      decider,
      configurations,
      steps,
      initial,
      initialEmitted,
      errors,
      guards,
      events: eventTypes.size,
      ms: performance.now() - began,
    };
  } finally {
    Object.assign(machine.implementations.guards, originals);
  }
}

export const invokesOf = (
  snapshot: AnyMachineSnapshot,
): readonly { readonly id: string; readonly src: string }[] =>
  snapshot._nodes.flatMap((node) => node.invoke.map(({ id, src }) => ({ id, src: String(src) })));

export function nodesOf(node: AnyStateNode): readonly AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap((child) => nodesOf(child as AnyStateNode))];
}

const quote = (configuration: Configuration): string => configuration.paths.join(', ');

/** Each proof gives what is wrong, in words; nothing is what one wants. */
export const proofs = {
  everyStateIsReached({ decider, configurations }: Space): readonly string[] {
    const reached = new Set<string>();
    for (const { snapshot } of configurations.values())
      for (const node of snapshot._nodes) reached.add(node.id);
    // A state that is always left in the turn that enters it is never a configuration, only a way.
    const passing = (node: AnyStateNode): boolean =>
      (node.always ?? []).some(({ guard }) => guard === undefined);
    return nodesOf(decider.chart.machine.root)
      .filter((node) => !reached.has(node.id) && !passing(node))
      .map(({ id }) => `${id} is never reached`);
  },

  nothingEndsBut({ configurations, steps }: Space): readonly string[] {
    const left = new Set(steps.filter(({ from, to }) => from.key !== to.key).map(({ from }) => from.key));
    return [...configurations.values()]
      .filter(({ key, snapshot }) => snapshot.status === 'active' && !left.has(key))
      .map((configuration) => `${quote(configuration)} is a dead end`);
  },

  nothingThrows: ({ errors }: Space): readonly string[] => errors,

  /** From every configuration there is a way to the end. */
  theEndIsInReach({ configurations, steps }: Space): readonly string[] {
    const into = new Map<string, string[]>();
    for (const { from, to } of steps) into.set(to.key, [...(into.get(to.key) ?? []), from.key]);
    const ending = [...configurations.values()]
      .filter(({ snapshot }) => snapshot.status === 'done')
      .map(({ key }) => key);
    const can = new Set(ending);
    for (let key = ending.pop(); key !== undefined; key = ending.pop()) {
      for (const before of into.get(key) ?? []) {
        if (can.has(before)) continue;
        can.add(before);
        ending.push(before);
      }
    }
    return [...configurations.values()]
      .filter(({ key }) => !can.has(key))
      .map((configuration) => `${quote(configuration)} never ends`);
  },

  /** `accepts(event)` must be acted on or queued wherever an actor lives. */
  isAnsweredEverywhere({ steps }: Space, accepts: (event: ProofEvent) => boolean): readonly string[] {
    return steps
      .filter(
        ({ event, emitted }) =>
          accepts(event) && emitted.some((each) => each.type === 'answer' && each.answer === 'refused'),
      )
      .map(({ event, from }) => `${JSON.stringify(event)} is refused in ${quote(from)}`);
  },

  transientStatesHaveDeadlines({ configurations }: Space): readonly string[] {
    return [...configurations.values()].flatMap((configuration) => {
      const { snapshot } = configuration;
      if (snapshot.status !== 'active') return [];
      const waits = snapshot._nodes.some((node) => node.tags.includes('transient'));
      const settles = snapshot._nodes.some((node) => node.tags.includes('settled'));
      if (!waits && !settles) return [`${quote(configuration)} is neither transient nor settled`];
      const hasDeadline = invokesOf(snapshot).some(({ src }) => src === 'deadline');
      return waits && !hasDeadline ? [`${quote(configuration)} is transient and has no deadline`] : [];
    });
  },

  /** Commands are acted on, queued or refused in words; facts and messages act or are declared ignored. */
  everyEventHasAnAnswer({ decider, steps }: Space): readonly string[] {
    const { root } = decider.chart.machine;
    const declared = (snapshot: AnyMachineSnapshot, type: string): boolean =>
      [root, ...snapshot._nodes].some((node) =>
        [...node.transitions.keys()].some(
          (key) => key === type || (key.endsWith('.*') && type.startsWith(key.slice(0, -1))),
        ),
      );
    return steps.flatMap(({ from, event, emitted, changed }) => {
      if (event.type.startsWith('xstate.'))
        return changed ? [] : [`The result ${event.type} changes nothing in ${quote(from)}`];
      if (!declared(from.snapshot, event.type)) return [`${event.type} is not declared in ${quote(from)}`];
      const refused = emitted.find((each) => each.type === 'answer' && each.answer === 'refused');
      return refused?.type === 'answer' && !refused.reason
        ? [`${event.type} is refused without a reason in ${quote(from)}`]
        : [];
    });
  },

  onlyDeclaredEffects({ decider }: Space): readonly string[] {
    const allowed = new Set(['xstate.assign', 'xstate.raise', 'xstate.emit', 'xstate.enqueueActions']);
    const { root, implementations } = decider.chart.machine;
    const wrong: string[] = [];
    const check = (action: unknown, where: string): void => {
      const named = typeof action === 'string' ? action : (action as { type?: string }).type;
      const found =
        typeof action === 'function'
          ? action
          : named === undefined
            ? undefined
            : (implementations.actions as Record<string, unknown>)[named];
      const type = (found as { type?: string } | undefined)?.type;
      if (type === undefined || !allowed.has(type))
        wrong.push(`${where} has an action that is not assign, raise or emit`);
      if (type === 'xstate.raise' && (found as { delay?: unknown }).delay !== undefined)
        wrong.push(`${where} raises with a delay`);
    };
    for (const node of nodesOf(root)) {
      if (node.after.length > 0) wrong.push(`${node.id} has an "after"`);
      for (const action of [...node.entry, ...node.exit]) check(action, node.id);
      for (const transitions of node.transitions.values())
        for (const { actions, eventType } of transitions)
          for (const action of actions) check(action, `${node.id} on ${eventType}`);
      for (const { actions } of node.always ?? [])
        for (const action of actions) check(action, `${node.id} always`);
      if ([...node.transitions.keys()].includes('*')) wrong.push(`${node.id} answers everything with "*"`);
    }
    return wrong;
  },

  everyInvokeIsHandled({ decider, configurations }: Space): readonly string[] {
    const seen = new Map<string, string>();
    const contextWith = (id: string): unknown =>
      [...configurations.values()].find(({ invokes }) => invokes.has(id))?.snapshot.context;
    return nodesOf(decider.chart.machine.root).flatMap((node) =>
      node.invoke.flatMap(({ id }) => {
        const wrong: string[] = [];
        if (seen.has(id)) wrong.push(`The invoke id ${id} is used by ${seen.get(id)} and ${node.id}`);
        seen.set(id, node.id);
        for (const outcome of ['done', 'error']) {
          const transitions = node.transitions.get(`xstate.${outcome}.actor.${id}`) ?? [];
          if (transitions.length === 0) wrong.push(`${node.id} does not handle ${outcome} of ${id}`);
          // A finished child of a state that stays would be kept for ever.
          if (transitions.some(({ target }) => target === undefined))
            wrong.push(`${node.id} stays when ${id} is ${outcome}`);
        }
        try {
          if (decider.chart.describe(id, contextWith(id)) === '') wrong.push(`${id} is described by nothing`);
        } catch (error) {
          wrong.push(`${id} is not described: ${(error as Error).message}`);
        }
        return wrong;
      }),
    );
  },

  restoredIsAsFresh({ decider, configurations }: Space): readonly string[] {
    return [...configurations.values()].flatMap((configuration) => {
      const { snapshot, invokes } = configuration;
      const stored = JSON.parse(JSON.stringify({ value: snapshot.value, context: snapshot.context })) as {
        value: unknown;
        context: unknown;
      };
      if (!isDeepStrictEqual(stored.context, snapshot.context))
        return [`The context of ${quote(configuration)} does not survive JSON`];
      const restored = decider.invokes(decider.resolve(stored.value, stored.context));
      return [...restored].sort().join() === [...invokes].sort().join()
        ? []
        : [`${quote(configuration)} has other children when it is restored`];
    });
  },

  everyGuardIsSeenBothWays({ guards }: Space): readonly string[] {
    return [...guards].flatMap(([name, answers]) =>
      [true, false].filter((each) => !answers.has(each)).map((each) => `The guard ${name} was never ${each}`),
    );
  },

  projectionIsTotal(
    { decider, configurations }: Space,
    statuses: readonly string[],
    needsReason: (status: string, context: unknown) => boolean,
  ): readonly string[] {
    return [...configurations.values()].flatMap((configuration) => {
      const { status, reason } = decider.project(configuration.snapshot);
      if (!statuses.includes(status)) return [`${quote(configuration)} has the status "${status}"`];
      return needsReason(status, configuration.snapshot.context) && !reason
        ? [`${quote(configuration)} (${status}) gives no reason`]
        : [];
    });
  },
};

export interface Holding {
  readonly resource: string;
  /** Of the first configuration of a run. Default no. */
  heldAtFirst?(first: Configuration): boolean;
  acquired(step: Step): boolean;
  released(step: Step): boolean;
  /** Given up knowingly: somebody else cleans up. */
  abandoned(step: Step): boolean;
}

/** No run reaches the end holding anything, and nothing is released that was not held. */
export function releasesEverything(
  { initial, steps }: Space,
  holdings: readonly Holding[],
  exactlyOnce: readonly string[],
): readonly string[] {
  const wrong = new Set<string>();
  const outgoing = new Map<string, Step[]>();
  for (const step of steps) outgoing.set(step.from.key, [...(outgoing.get(step.from.key) ?? []), step]);
  const heldBy = (first: Configuration): number =>
    holdings.reduce((bits, holding, at) => (holding.heldAtFirst?.(first) ? bits | (1 << at) : bits), 0);
  const queue = initial.map((configuration) => ({ configuration, held: heldBy(configuration) }));
  const seen = new Set(queue.map(({ configuration, held }) => `${held} ${configuration.key}`));
  for (let at = queue.pop(); at; at = queue.pop()) {
    const { configuration, held } = at;
    if (configuration.snapshot.status === 'done') {
      holdings.forEach(
        ({ resource }, bit) =>
          held & (1 << bit) && wrong.add(`The ${resource} is still held in ${quote(configuration)}`),
      );
      continue;
    }
    for (const step of outgoing.get(configuration.key) ?? []) {
      let next = held;
      holdings.forEach((holding, bit) => {
        if (holding.acquired(step)) next |= 1 << bit;
        if (holding.abandoned(step)) next &= ~(1 << bit);
        if (!holding.released(step)) return;
        if (!(next & (1 << bit)) && exactlyOnce.includes(holding.resource))
          wrong.add(
            `The ${holding.resource} is released twice, from ${quote(step.from)} by ${step.event.type}`,
          );
        next &= ~(1 << bit);
      });
      const key = `${next} ${step.to.key}`;
      if (seen.has(key)) continue;
      seen.add(key);
      queue.push({ configuration: step.to, held: next });
    }
  }
  return [...wrong];
}
