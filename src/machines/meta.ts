/** What active states say of themselves, the innermost having the last word. */
import type { AnyStateMachine, AnyStateNode } from 'xstate';

export interface StateMeta {
  readonly status?: string;
  readonly taskState?: string | null;
  readonly description?: string;
}

/** What was read of a machine; it never changes. By all paths together. */
const known = new WeakMap<AnyStateMachine, Map<string, StateMeta>>();

/** @param paths active atomic states such as `acquiring.image.pulling.attempting` */
export function metaOf(machine: AnyStateMachine, paths: readonly string[]): StateMeta {
  let ofMachine = known.get(machine);
  if (!ofMachine) known.set(machine, (ofMachine = new Map()));
  const key = paths.join();
  let merged = ofMachine.get(key);
  if (!merged) ofMachine.set(key, (merged = mergedMeta(machine, paths)));
  return merged;
}

function mergedMeta(machine: AnyStateMachine, paths: readonly string[]): StateMeta {
  let merged: StateMeta = {};
  for (const path of paths) {
    let node: AnyStateNode | undefined = machine.root;
    for (const key of path.split('.')) {
      node = node?.states[key];
      if (!node) break;
      const meta = node.meta as StateMeta | undefined;
      merged = {
        ...merged,
        ...meta,
        ...(node.description === undefined ? {} : { description: node.description }),
      };
    }
  }
  return merged;
}
