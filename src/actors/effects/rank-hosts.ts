/** The scheduler ranks the hosts for a container or a capsule. */
import type { CapsuleContext } from '../../machines/capsule/context.ts';
import type { ContainerContext } from '../../machines/container/context.ts';
import type { Environment } from '../../model/environment.ts';
import type { Placement } from '../placement.ts';
import type { RollCall } from '../roll-call.ts';
import type { Specs } from '../specs.ts';
import type { Effect } from './effect.ts';

export function rankHostsEffect(
  environment: Environment,
  rollCall: RollCall,
  placement: Placement,
  spec: Specs['get'],
): Effect {
  return ({ address, context, done }) => {
    const placed = context as ContainerContext | CapsuleContext;
    const sandbox = 'sandbox' in placed ? placed.sandbox : 'own';
    const ranked =
      rollCall.before(address) ?? placement.rank({ ...placed, sandbox }, spec(address), placed.refusedBy);
    environment.defer(() => done(ranked));
    return () => {};
  };
}
