/**
 * A chart as data, for people and pages: XState's own definition, with what it
 * leaves out, which is every `always` and the names inside combined guards.
 */
import type { AnyStateMachine, AnyStateNode } from 'xstate';

interface Transition {
  readonly target?: readonly { readonly id: string }[] | undefined;
  readonly actions: readonly unknown[];
  readonly guard?: unknown;
  readonly reenter?: boolean;
  readonly eventType: string;
}

/** Plain JSON: no function is left in it. */
export const definitionOf = (machine: AnyStateMachine): unknown => nodeOf(machine.root);

function nodeOf(node: AnyStateNode): Readonly<Record<string, unknown>> {
  const definition = JSON.parse(JSON.stringify(node.definition)) as Readonly<Record<string, unknown>>;
  const transitions = [...node.transitions.values()].flat().map((each) => transitionOf(node, each));
  return {
    ...definition,
    on: Object.fromEntries(
      [...node.transitions].map(([event, list]) => [event, list.map((each) => transitionOf(node, each))]),
    ),
    always: (node.always ?? []).map((each) => transitionOf(node, each)),
    transitions,
    states: Object.fromEntries(Object.entries(node.states).map(([key, child]) => [key, nodeOf(child)])),
  };
}

function transitionOf(source: AnyStateNode, transition: Transition): Readonly<Record<string, unknown>> {
  const { target, actions, guard, reenter, eventType } = transition;
  return {
    ...(guard === undefined ? {} : { guard: guardName(guard) }),
    ...(target === undefined ? {} : { target: target.map(({ id }) => `#${id}`) }),
    actions: actions.map(actionOf),
    source: `#${source.id}`,
    reenter: reenter === true,
    eventType,
  };
}

/** Its name, or its type with the parameters that are data. */
const actionOf = (action: unknown): unknown =>
  typeof action === 'function' ? action.name : (JSON.parse(JSON.stringify(action)) as unknown);

/** The name of a guard; of a combined one, the names it is made of. @see xstate:src/guards.ts */
function guardName(guard: unknown): string {
  if (typeof guard === 'string') return guard;
  if (typeof guard === 'object' && guard !== null && 'type' in guard) return String(guard.type);
  const { check, guards, stateValue } = guard as {
    check?: { name: string };
    guards?: readonly unknown[];
    stateValue?: unknown;
  };
  if (stateValue !== undefined) return `in ${String(stateValue)}`;
  const names = (guards ?? []).map(guardName);
  if (check?.name === 'checkNot') return `not ${names.join()}`;
  return names.join(check?.name === 'checkOr' ? ' or ' : ' and ');
}
