import t from 'tap';
import type { ContainerContext } from '../../src/machines/container/context.ts';
import type { HostContext } from '../../src/machines/host/context.ts';
import { allocatableOf } from '../../src/machines/host/offer.ts';
import { warmMemoryOf } from '../../src/machines/host/warm.ts';
import { tenantLimits, type TenantContext } from '../../src/machines/tenant/context.ts';
import { containerHoldings, containerSubject } from './container-space.ts';
import { common } from './common-proofs.ts';
import { hostSubject } from './host-space.ts';
import { explore, proofs, releasesEverything, type Space } from './proofs.ts';
import { tenantSubject } from './tenant-space.ts';

const statuses = [
  'Creating',
  'Created',
  'Running',
  'Paused',
  'Stopped',
  'Restarting',
  'Rebuilding',
  'Error',
  'Unknown',
  'Dead',
  'Deleted',
  'Deleting',
];

t.test('the container chart', async (t) => {
  const space = explore(containerSubject);
  common(t, 'container', space);
  t.same(proofs.theEndIsInReach(space), [], 'from everywhere there is a way to deleted');
  const isDelete = (event: { type: string; mode?: unknown }) =>
    event.type === 'container.delete' && event.mode !== 'ifStopped';
  const isMember = ({ from }: Space['steps'][number]): boolean =>
    (from.snapshot.context as ContainerContext).capsuleId !== null;
  t.same(
    proofs.isAnsweredEverywhere({ ...space, steps: space.steps.filter((step) => !isMember(step)) }, isDelete),
    [],
    'delete with stop or force is accepted everywhere',
  );
  const alone = space.steps.filter(
    (step) => isMember(step) && isDelete(step.event) && !/^(removing|deleted)/.test(step.from.paths[0]!),
  );
  t.ok(alone.length > 0);
  t.same(
    alone.filter(({ from, to }) => from.key !== to.key).map(({ from }) => from.paths),
    [],
    'a member is not deleted by itself',
  );
  const withCapsule = space.steps.filter((step) => isMember(step) && step.event.type === 'capsule.deleted');
  t.same(
    withCapsule.filter(({ to }) => !/^(removing|deleted)/.test(to.paths[0]!)).map(({ from }) => from.paths),
    [],
    'and with its capsule it goes wherever it is',
  );
  t.same(
    releasesEverything(space, containerHoldings, ['reservation', 'claim']),
    [],
    'whatever was acquired is released, once',
  );
  const asWanted = (status: string, context: unknown) =>
    status === 'Running' || (status === 'Created' && (context as ContainerContext).wanted === 'created');
  t.same(
    proofs.projectionIsTotal(space, statuses, (status, context) => !asWanted(status, context)),
    [],
    'Zun status is total, and what does not run as asked says why',
  );
});

t.test('the host chart', async (t) => {
  const space = explore(hostSubject);
  common(t, 'host', space);
  t.same(
    proofs.projectionIsTotal(
      space,
      ['joining', 'syncing', 'online', 'suspect', 'lost'],
      (status) => status === 'suspect',
    ),
    [],
  );
  const before = (step: Space['steps'][number]): HostContext => step.from.snapshot.context as HostContext;
  const after = (step: Space['steps'][number]): HostContext => step.to.snapshot.context as HostContext;
  const granted = space.steps.filter(({ emitted }) =>
    emitted.some((each) => each.type === 'message' && each.event.type.endsWith('.granted')),
  );
  t.ok(granted.length > 0);
  t.same(
    granted.filter((step) => after(step).totals.memoryMib > allocatableOf(before(step)).memoryMib),
    [],
    'no grant overcommits',
  );
  t.same(
    granted.filter(
      (step) =>
        step.event.type === 'host.claim' &&
        before(step).enforcing.some((each) => each !== step.event['tenant']),
    ),
    [],
    'nobody comes to a tenant that wants to be alone',
  );
  const readyOf = (context: HostContext): readonly string[] => Object.values(context.ready).flat();
  t.same(
    space.steps
      .filter((step) => {
        const { budgetMib, usedMib } = warmMemoryOf(after(step));
        return usedMib > budgetMib;
      })
      .map(({ event }) => event),
    [],
    'no more sandboxes are kept ahead than the host has memory for',
  );
  t.same(
    granted
      .filter((step) =>
        step.emitted.some(
          (each) =>
            each.type === 'message' &&
            typeof each.event['sandboxId'] === 'string' &&
            readyOf(after(step)).includes(each.event['sandboxId']),
        ),
      )
      .map(({ event }) => event),
    [],
    'a sandbox is handed out once',
  );
});

t.test('the tenant chart', async (t) => {
  const space = explore(tenantSubject);
  common(t, 'tenant', space);
  t.same(
    proofs.projectionIsTotal(space, ['active'], () => false),
    [],
  );
  const over = space.steps.filter(({ event, from, to }) => {
    const { totals } = to.snapshot.context as TenantContext;
    const limits = tenantLimits(to.snapshot.context as TenantContext);
    const was = (from.snapshot.context as TenantContext).totals;
    return (['containers', 'memoryMib'] as const).some(
      (field) =>
        event.type === 'tenant.reserve' && totals[field] > limits[field] && totals[field] > was[field],
    );
  });
  t.same(over, [], 'no reservation goes over a limit');
});
