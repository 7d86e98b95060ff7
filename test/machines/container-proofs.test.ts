/** The container chart's proofs, apart from the others: it is the largest by far. */
import t from 'tap';
import type { ContainerContext } from '../../src/machines/container/context.ts';
import { containerHoldings, containerSubject } from './container-space.ts';
import { common } from './common-proofs.ts';
import { explore, proofs, releasesEverything, type Space } from './proofs.ts';

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
