/** What people did to a container, read from its journal: who, when, and what came of it. */
import type { AnyStateMachine, AnyStateNode } from 'xstate';
import type { ContainerAction } from '../model/container-action.ts';
import type { Failure } from '../model/failure.ts';
import type { JournalRecord } from '../model/journal.ts';

/** By the event that the request sent; what is not here changes nothing that Zun's users look for. */
const names: Readonly<Record<string, string>> = {
  'actor.created': 'create',
  'container.delete': 'delete',
  'container.reboot': 'reboot',
  'container.rebuild': 'rebuild',
  'container.stop': 'stop',
  'container.start': 'start',
  'container.pause': 'pause',
  'container.unpause': 'unpause',
  'container.kill': 'kill',
  'container.commit': 'commit',
  'container.resize': 'resize_container',
  'container.attachNetwork': 'network_attach',
  'container.detachNetwork': 'network_detach',
  'container.attachVolume': 'volume_attach',
  'container.detachVolume': 'volume_detach',
  'container.addSecurityGroup': 'add_security_group',
  'container.removeSecurityGroup': 'remove_security_group',
};

/** @param journal oldest first @returns newest first */
export function actionsOf(journal: readonly JournalRecord[], machine: AnyStateMachine): ContainerAction[] {
  const actions: ContainerAction[] = [];
  for (const [at, record] of journal.entries()) {
    const action = names[record.event.type];
    if (action === undefined || record.cause.kind !== 'request' || record.refused !== null) continue;
    const end = journal.slice(at).find(({ to }) => to.every((path) => isSettled(machine, path)));
    actions.push({
      action,
      requestId: record.cause.requestId,
      userId: record.cause.userId,
      projectId: record.cause.projectId,
      startedAt: record.at,
      finishedAt: end?.at ?? null,
      failed: end?.to.includes('error') ?? false,
      trace: end?.to.includes('error') ? traceOf(journal.slice(at, journal.indexOf(end) + 1)) : null,
    });
  }
  return actions.reverse();
}

/** What went wrong, and the turns that led there, in their order. */
function traceOf(turns: readonly JournalRecord[]): string {
  const failure = turns
    .map(({ patch }) => (patch as { readonly failure?: Failure | null }).failure)
    .findLast((each) => each);
  const lines = turns.map(
    ({ at, event, to }) => `  at ${new Date(at).toISOString()} ${event.type} → ${to.join(', ')}`,
  );
  return [failure ? `${failure.code}: ${failure.message}` : 'It failed', ...lines].join('\n');
}

function isSettled(machine: AnyStateMachine, path: string): boolean {
  let node: AnyStateNode | undefined = machine.root;
  for (const key of path.split('.')) node = node?.states[key];
  return node?.tags.includes('settled') ?? false;
}
