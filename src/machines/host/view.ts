/** A host's context and states as the scheduler sees them. Pure. */
import type { Admission, HostView } from '../../model/host.ts';
import { occupancyOf } from './claims.ts';
import type { HostContext } from './context.ts';
import { allocatableOf, capacityOf, labelsOf, policyOf } from './offer.ts';

const prefix = 'admission.';

/** @param paths active atomic states such as `link.online` and `admission.open` */
export function hostViewOf(
  context: HostContext,
  paths: readonly string[],
  images: ReadonlySet<string>,
): HostView {
  const { fingerprint } = context;
  return {
    id: context.id,
    hostname: context.hostname,
    online: paths.includes('link.online'),
    expected: paths.includes('link.suspect') || paths.includes('link.syncing'),
    admission: (paths.find((path) => path.startsWith(prefix))?.slice(prefix.length) ?? 'open') as Admission,
    engineUp: fingerprint?.engineUp ?? false,
    availabilityZone: policyOf(context).availabilityZone,
    runtimes: fingerprint?.runtimes ?? [],
    networks: fingerprint?.networks ?? { able: false, problem: 'its agent knows nothing of networks' },
    labels: labelsOf(context),
    capacity: capacityOf(fingerprint),
    allocatable: allocatableOf(context),
    used: context.totals,
    ...occupancyOf(context),
    images,
  };
}
