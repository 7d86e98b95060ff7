/**
 * Admission of a capsule: quota for all its members first, then the capsule,
 * then each member with its spec, then the answer. A capsule whose members were
 * not all written down, since the process died in between, takes itself back.
 */
import { TroupeError } from '../errors/errors.ts';
import type { CapsuleContext } from '../machines/capsule/context.ts';
import { promisesOf } from '../machines/kept-volumes.ts';
import { capsuleAddress, containerAddress, parseAddress, type Address } from '../model/address.ts';
import type { CapsuleInput, CapsuleMember } from '../model/capsule-events.ts';
import type { CapsuleRequest, CapsuleTemplate } from '../model/capsule.ts';
import type { Amounts, ContainerSpec } from '../model/container.ts';
import type { Environment } from '../model/environment.ts';
import type { ContainerDeadlines, ContainerInput } from '../model/events.ts';
import type { Cause } from '../model/journal.ts';
import { namedUuid } from '../model/named-uuid.ts';
import { causeOf } from './cause-of.ts';
import { attachmentsOf, createOnce, type Admission } from './create-container.ts';
import { amountsOf, type Placement } from './placement.ts';
import type { Runtime } from './runtime.ts';
import { idempotentId, specDigest, type Specs } from './specs.ts';

export interface CapsuleAdmissionOptions {
  readonly environment: Environment;
  readonly runtime: Runtime;
  readonly specs: Specs;
  readonly admission: Pick<Admission, 'tenant'>;
  readonly placement: Placement;
  readonly deadlines: ContainerDeadlines;
}

export interface CapsuleAdmission {
  /** Where a request's capsule will be: the same for a repeat by key. */
  address(request: CapsuleRequest): Address;
  /** @throws TroupeError as `Capsules.create` */
  create(request: CapsuleRequest, address: Address): Promise<void>;
}

/** A member with what it is made of. */
type Planned = CapsuleMember & { readonly spec: ContainerSpec };

export function createCapsuleAdmission(options: CapsuleAdmissionOptions): CapsuleAdmission {
  const { environment, runtime, specs, placement } = options;
  const once = createOnce(runtime, specs);

  const admit = async (request: CapsuleRequest, address: Address, digest: string): Promise<void> => {
    const { caller, template } = request;
    const { id, tenant } = { ...parseAddress(address), tenant: caller.projectId };
    const cause = causeOf(caller);
    const spec = wholeOf(template);
    const members = membersOf(template, id);
    placement.check(tenant, spec);
    const amounts: Amounts = { ...amountsOf(spec), containers: members.length };
    const owner = await options.admission.tenant(tenant, cause);
    const reserved = await runtime.ask(
      owner,
      { type: 'tenant.reserve', containerId: id, generation: 1, amounts, at: environment.now() },
      cause,
      'command',
    );
    if (reserved.answer === 'refused')
      throw new TroupeError('QUOTA_EXCEEDED', reserved.reason ?? 'Quota exceeded');
    const terms = placement.terms(tenant, spec);
    const { networks, published } = attachmentsOf(spec, null);
    const promises = promisesOf(spec.mounts);
    const input: CapsuleInput = {
      id,
      tenant,
      amounts,
      terms,
      members: members.map(({ containerId, name, isInit }) => ({ containerId, name, isInit })),
      networks,
      published,
      ...(promises.length > 0 && { promises }),
      deadlines: options.deadlines,
    };
    await runtime.begin(address, input, cause, { generation: 1, body: specs.put(address, 1, spec, digest) });
  };

  /** Those that are not there yet; again after a crash, should the request be repeated by its key. */
  const writeDown = async (address: Address, template: CapsuleTemplate, cause: Cause): Promise<void> => {
    const context = runtime.cell(address)?.committed?.record.context as CapsuleContext | undefined;
    if (!context) return;
    const { id, tenant, terms } = context;
    const absent = membersOf(template, id).filter(({ containerId }) => {
      const member = containerAddress(tenant, containerId);
      const isKnown = context.members.some(
        (each) => each.containerId === containerId && each.is !== 'absent',
      );
      return !isKnown && !runtime.cell(member) && !runtime.tombstones.has(member);
    });
    await Promise.all(
      absent.map(({ containerId, spec }) => {
        const member = containerAddress(tenant, containerId);
        const input: ContainerInput = {
          ...attachmentsOf(spec, null),
          id: containerId,
          tenant,
          capsuleId: id,
          terms,
          networks: [],
          published: [],
          sandbox: 'own',
          generation: 1,
          run: true,
          amounts: amountsOf(spec),
          restartPolicy: spec.restartPolicy ?? { name: 'no', maximumRetryCount: 0 },
          autoRemove: false,
          imagePullPolicy: spec.imagePullPolicy,
          candidates: [],
          deadlines: options.deadlines,
        };
        return runtime.begin(member, input, cause, {
          generation: 1,
          body: specs.put(member, 1, spec, ''),
        });
      }),
    );
  };

  return {
    address: ({ caller, idempotencyKey }) =>
      capsuleAddress(
        caller.projectId,
        idempotencyKey === null ? environment.id() : idempotentId(caller.projectId, idempotencyKey),
      ),
    async create(request, address) {
      const { idempotencyKey, template } = request;
      const digest = idempotencyKey === null ? '' : digestOf(template);
      await once(address, idempotencyKey, digest, async () => {
        await admit(request, address, digest);
        await writeDown(address, template, causeOf(request.caller));
      });
      await writeDown(address, template, causeOf(request.caller));
    },
  };
}

/** The same each time it is asked for, so that a repeat finds it. @param index init containers first */
export const memberId = (capsuleId: string, index: number): string =>
  namedUuid(`member/${capsuleId}/${index}`);

/** Init containers first. */
const membersOf = ({ initContainers, containers }: CapsuleTemplate, id: string): readonly Planned[] =>
  [
    ...initContainers.map((spec) => ({ spec, isInit: true })),
    ...containers.map((spec) => ({ spec, isInit: false })),
  ].map(({ spec, isInit }, index) => ({
    containerId: memberId(id, index),
    name: spec.name,
    isInit,
    spec,
  }));

/**
 * All members as one: what they take together, since init containers run before
 * the others. @see zun-api 2.15: max(sum over containers, each init container)
 */
export function wholeOf(template: CapsuleTemplate): ContainerSpec {
  const { name, userId, labels, annotations, availabilityZone, restartPolicy } = template;
  const { initContainers, containers } = template;
  const all = [...initContainers, ...containers];
  const most = (amount: (spec: ContainerSpec) => number): number =>
    Math.max(
      containers.reduce((sum, spec) => sum + amount(spec), 0),
      ...initContainers.map(amount),
    );
  const mounts = new Map(all.flatMap((spec) => spec.mounts).map((mount) => [mount.volumeId, mount]));
  return {
    ...containers[0]!,
    name,
    userId,
    labels,
    annotations,
    availabilityZone,
    restartPolicy,
    command: null,
    entrypoint: null,
    environment: {},
    hints: {},
    files: [],
    // Rounded as it is counted, so that no sum of tenths shows its last bit.
    cpu: most(({ cpu }) => Math.round((cpu ?? 0) * 1000)) / 1000 || null,
    memoryMib: most(({ memoryMib }) => memoryMib ?? 0) || null,
    diskGib: all.reduce((sum, { diskGib }) => sum + diskGib, 0),
    published: containers.flatMap(({ published }) => published),
    mounts: [...mounts.values()],
    images: all.map(({ image, imageReference }) => ({ image, imageReference })),
  };
}

/** Names that we made up say nothing about whether two requests are the same. */
const digestOf = (template: CapsuleTemplate): string => {
  const nameless = (spec: ContainerSpec): ContainerSpec => ({ ...spec, name: '' });
  const { initContainers, containers } = template;
  return specDigest(
    { ...template, initContainers: initContainers.map(nameless), containers: containers.map(nameless) },
    true,
  );
};
