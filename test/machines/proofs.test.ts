import t from 'tap';
import type { HostContext } from '../../src/machines/host/context.ts';
import { allocatableOf } from '../../src/machines/host/offer.ts';
import { warmMemoryOf } from '../../src/machines/host/warm.ts';
import { tenantLimits, type TenantContext } from '../../src/machines/tenant/context.ts';
import { common } from './common-proofs.ts';
import { hostSubject } from './host-space.ts';
import { explore, proofs, type Space } from './proofs.ts';
import { tenantSubject } from './tenant-space.ts';

t.test('the host chart', async (t) => {
  const space = explore(hostSubject);
  common(t, 'host', space);
  t.same(
    proofs.projectionIsTotal(
      space,
      ['joining', 'syncing', 'online', 'suspect', 'lost', 'removing', 'removed'],
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
