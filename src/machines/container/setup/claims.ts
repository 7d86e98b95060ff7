/** Its reservation with its tenant and its claim on its host: what each counts for it. */
import { hostAddress, tenantAddress } from '../../../model/address.ts';
import type { Amounts } from '../../../model/container.ts';
import { plus } from '../../amounts.ts';
import { grown } from '../../resize.ts';
import type { ContainerContext } from '../context.ts';
import { enqueueActions } from './types.ts';

export const amountsMessage = ({ id, tenant, generation, amounts }: ContainerContext) => ({
  containerId: id,
  tenant,
  generation,
  amounts,
});

/** For its host, which decides by more than amounts. */
export const claimMessage = (context: ContainerContext) => ({
  ...amountsMessage(context),
  terms: context.terms,
});

/** What the tenant counts for it: with what a resize that is under way adds. */
const reserved = ({ amounts, resize }: ContainerContext): Amounts =>
  resize ? plus(amounts, grown(amounts, resize.to)) : amounts;

/** What its host counts for it. */
const claimed = ({ amounts, resize }: ContainerContext): Amounts =>
  resize?.granted ? plus(amounts, grown(amounts, resize.to)) : amounts;

export const claimActions = {
  confirmReservation: enqueueActions(({ enqueue, context }) => {
    if (!context.reservationHeld) return;
    enqueue.emit({
      type: 'message',
      to: tenantAddress(context.tenant),
      event: { type: 'tenant.confirm', ...amountsMessage(context) },
    });
  }),
  giveBackClaim: enqueueActions(({ enqueue, context }) => {
    if (!context.claimHeld) return;
    enqueue.emit({
      type: 'message',
      to: hostAddress(context.hostId ?? ''),
      event: { type: 'host.release', ...claimMessage(context), amounts: claimed(context) },
    });
    enqueue.assign({ claimHeld: false });
  }),
  giveBackReservation: enqueueActions(({ enqueue, context }) => {
    if (!context.reservationHeld) return;
    enqueue.emit({
      type: 'message',
      to: tenantAddress(context.tenant),
      event: { type: 'tenant.release', ...amountsMessage(context), amounts: reserved(context) },
    });
    enqueue.assign({ reservationHeld: false });
  }),
};
