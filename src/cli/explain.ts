/** Why an actor is where it is, as sentences. */
import type { Cause } from '../model/journal.ts';
import { kindOf } from '../model/address.ts';
import type { OfferedLifecycle } from '../model/lifecycle.ts';

export function explain(name: string, lifecycle: OfferedLifecycle): string {
  const { status, statePaths, since, reason, waitingFor, lastError, allowedEvents, related, quarantined } =
    lifecycle;
  const lines = [`${name} is ${status} (${statePaths.join(', ')}) since ${time(since)}.`];
  if (reason) lines.push(sentence(reason));
  if (quarantined)
    lines.push(
      sentence(`It is quarantined: ${quarantined.reason}`) +
        (quarantined.event ? ` The event that broke it: ${quarantined.event}.` : ''),
    );
  for (const { description, attempt, deadlineAt } of waitingFor)
    lines.push(
      sentence(
        `It waits for ${description}${deadlineAt === null ? '' : ` (at ${time(deadlineAt)})`}${attempt > 1 ? `, attempt ${attempt}` : ''}`,
      ),
    );
  if (lastError) lines.push(sentence(`Last error: ${lastError.message}`));
  for (const { address, status: itsStatus, reason: why } of related)
    if (why) lines.push(sentence(`Its ${kindOf(address)} is ${itsStatus}: ${why}`));
  const moves = allowedEvents.filter(({ answer }) => answer !== 'refused');
  lines.push(moves.length === 0 ? 'Nothing that people may send would move it now.' : 'What would move it:');
  for (const { type, mode, answer, to, roles } of moves)
    lines.push(
      `  ${type}${typeof mode === 'string' ? ` (${mode})` : ''}, ${answer}, to ${to.join(', ')}; may be sent by ${roles.join(', ')}`,
    );
  return `${lines.join('\n')}\n`;
}

/** Who or what made a transition happen. */
export function causeOf(cause: Cause): string {
  switch (cause.kind) {
    case 'request':
      return `${cause.requestId} by ${cause.userId}`;
    case 'actor':
      return cause.address;
    case 'operation':
      return `${cause.src} ${cause.requestId ?? ''}`.trim();
    case 'agent':
      return `host ${cause.hostId}`;
    case 'runtime':
      return cause.reason;
  }
}

export const time = (epochMs: number): string => new Date(epochMs).toISOString();

const sentence = (text: string): string => (text.endsWith('.') ? text : `${text}.`);
