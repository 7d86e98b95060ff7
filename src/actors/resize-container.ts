/** A resize as its caller sees it: the quota first, then the container. @see `machines/resize.ts`, Z1 and Z2 */
import { TroupeError } from '../errors/errors.ts';
import { equal, noAmounts } from '../machines/amounts.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import { grown } from '../machines/resize.ts';
import { tenantAddress, type Address } from '../model/address.ts';
import type { Amounts, Limits } from '../model/container.ts';
import type { Environment } from '../model/environment.ts';
import type { Cause } from '../model/journal.ts';
import type { Runtime } from './runtime.ts';
import type { TurnAnswer } from './turn.ts';

/**
 * @param limits what is to be changed; the rest stays
 * @throws TroupeError CONTAINER_NOT_FOUND, QUOTA_EXCEEDED, STORE_UNAVAILABLE, COMMIT_UNKNOWN
 */
export async function resizeContainer(
  environment: Environment,
  runtime: Runtime,
  address: Address,
  limits: Partial<Limits>,
  cause: Cause,
): Promise<TurnAnswer> {
  const context = runtime.cell(address)?.committed?.record.context as ContainerContext | undefined;
  if (!context) throw new TroupeError('CONTAINER_NOT_FOUND', `"${address}" could not be found`);
  const amounts = resized(context.amounts, limits);
  const command = { type: 'container.resize', amounts } as const;
  // Where it would be refused, nothing is reserved for it.
  const trial = runtime.cell(address)!.tryOut(command);
  const refusal = trial?.emitted.find((each) => each.type === 'answer' && each.answer === 'refused');
  const more = grown(context.amounts, amounts);
  if (!refusal && !equal(more, noAmounts)) {
    const reserved = await runtime.ask(
      tenantAddress(context.tenant),
      {
        type: 'tenant.reserve',
        containerId: context.id,
        generation: context.specVersion + 1,
        amounts: more,
        at: environment.now(),
      },
      cause,
      'command',
    );
    if (reserved.answer === 'refused')
      throw new TroupeError('QUOTA_EXCEEDED', reserved.reason ?? 'Quota exceeded');
  }
  return runtime.ask(address, command, cause, 'command');
}

const resized = (amounts: Amounts, { cpu, memoryMib }: Partial<Limits>): Amounts => ({
  ...amounts,
  ...(cpu === undefined ? {} : { cpuMillis: Math.round((cpu ?? 0) * 1000) }),
  ...(memoryMib === undefined ? {} : { memoryMib: memoryMib ?? 0 }),
});
