/**
 * Admission of a container: quota first (durable in the tenant), then the
 * actor with its spec (durable in its own commit), then the answer. A crash in
 * between leaves a reservation, which its deadline gives back.
 */
import { TroupeError } from '../errors/errors.ts';
import { containerAddress, kindOf, parseAddress, tenantAddress, type Address } from '../model/address.ts';
import type { CreateRequest } from '../model/container-request.ts';
import type { Amounts, ContainerSpec } from '../model/container.ts';
import type { Environment } from '../model/environment.ts';
import type {
  ContainerAttachments,
  ContainerDeadlines,
  ContainerInput,
  SandboxMode,
  TenantInput,
} from '../model/events.ts';
import type { Cause } from '../model/journal.ts';
import type { Neighbours } from '../model/placement.ts';
import { causeOf } from './cause-of.ts';
import { amountsOf, type Placement } from './placement.ts';
import type { Runtime } from './runtime.ts';
import { idempotentId, specDigest, type Specs } from './specs.ts';

export interface AdmissionOptions {
  readonly environment: Environment;
  readonly runtime: Runtime;
  readonly specs: Specs;
  readonly placement: Placement;
  readonly deadlines: ContainerDeadlines;
  /** The site's, as of now. */
  readonly limits: () => Amounts;
  /** The site's. */
  readonly neighbours: Neighbours;
  readonly reservationMs: number;
  readonly sandbox: SandboxMode;
  readonly pool: ContainerAttachments['pool'];
}

/** Makes what a request asks for once, however often the request is sent under one key. */
export type Once = (
  address: Address,
  idempotencyKey: string | null,
  /** Of what is asked for. */
  digest: string,
  make: () => Promise<unknown>,
) => Promise<Address>;

/** @throws TroupeError IDEMPOTENCY_CONFLICT for a key that was used for something else */
export function createOnce(
  runtime: Pick<Runtime, 'cell' | 'tombstones'>,
  specs: Pick<Specs, 'digest'>,
): Once {
  const underway = new Map<Address, { readonly digest: string; readonly created: Promise<Address> }>();
  return async (address, idempotencyKey, digest, make) => {
    const conflict = (what: string): TroupeError =>
      new TroupeError(
        'IDEMPOTENCY_CONFLICT',
        `The Idempotency-Key "${idempotencyKey}" ${what}; use a new one`,
      );
    const pending = underway.get(address);
    if (pending) {
      if (pending.digest !== digest) throw conflict('was used for another body');
      return pending.created;
    }
    if (runtime.cell(address)?.committed) {
      if (specs.digest(address) !== digest) throw conflict('was used for another body');
      return address;
    }
    if (runtime.tombstones.has(address)) throw conflict(`made a ${kindOf(address)} that has been deleted`);
    const created = make()
      .then(() => address)
      .finally(() => underway.delete(address));
    underway.set(address, { digest, created });
    return created;
  };
}

export interface Admission {
  /** Where a request's container will be: the same for a repeat by key. */
  address(request: CreateRequest): Address;
  /** Resolves once the reservation and the first snapshot are durable. @throws TroupeError as `ControlPlane.createContainer` */
  create(request: CreateRequest, address: Address): Promise<Address>;
  /** The tenant's actor, made with the site's limits when it is met first. */
  tenant(projectId: string, cause: Cause): Promise<Address>;
}

export function createAdmission(options: AdmissionOptions): Admission {
  const { environment, runtime, specs, placement } = options;
  const once = createOnce(runtime, specs);
  const tenantsUnderway = new Map<Address, Promise<unknown>>();

  const tenant = async (projectId: string, cause: Cause): Promise<Address> => {
    const address = tenantAddress(projectId);
    if (!runtime.cell(address)?.committed) {
      let begun = tenantsUnderway.get(address);
      if (!begun) {
        const input: TenantInput = {
          id: projectId,
          limits: options.limits(),
          neighbours: options.neighbours,
          reservationMs: options.reservationMs,
        };
        begun = runtime.begin(address, input, cause, null).finally(() => tenantsUnderway.delete(address));
        tenantsUnderway.set(address, begun);
      }
      await begun;
    }
    return address;
  };

  const admit = async (
    request: CreateRequest,
    id: string,
    address: Address,
    digest: string,
  ): Promise<void> => {
    const { caller, spec, run } = request;
    const cause = causeOf(caller);
    placement.check(caller.projectId, spec);
    const amounts = amountsOf(spec);
    const owner = await tenant(caller.projectId, cause);
    const reserved = await runtime.ask(
      owner,
      { type: 'tenant.reserve', containerId: id, generation: 1, amounts, at: environment.now() },
      cause,
      'command',
    );
    if (reserved.answer === 'refused')
      throw new TroupeError('QUOTA_EXCEEDED', reserved.reason ?? 'Quota exceeded');
    const container = {
      id,
      tenant: caller.projectId,
      terms: placement.terms(caller.projectId, spec),
      sandbox: options.sandbox,
    };
    const { candidates } = placement.rank(container, spec, []);
    const input: ContainerInput = {
      ...container,
      capsuleId: null,
      generation: 1,
      run,
      amounts,
      restartPolicy: spec.restartPolicy ?? { name: 'no', maximumRetryCount: 0 },
      autoRemove: spec.autoRemove,
      imagePullPolicy: spec.imagePullPolicy,
      ...attachmentsOf(spec, options.pool),
      candidates,
      deadlines: options.deadlines,
    };
    await runtime.begin(address, input, cause, { generation: 1, body: specs.put(address, 1, spec, digest) });
  };

  return {
    tenant,
    address: ({ caller, idempotencyKey }) =>
      containerAddress(
        caller.projectId,
        idempotencyKey === null ? environment.id() : idempotentId(caller.projectId, idempotencyKey),
      ),
    async create(request, address) {
      const { idempotencyKey } = request;
      // Nobody can repeat a request that has no key.
      const digest =
        idempotencyKey === null
          ? ''
          : specDigest(request.nameGenerated ? { ...request.spec, name: '' } : request.spec, request.run);
      return once(address, idempotencyKey, digest, () =>
        admit(request, parseAddress(address).id, address, digest),
      );
    },
  };
}

/** What a spec asks of sandboxes and volumes. */
export function attachmentsOf(
  { networks, published, hostname, mounts }: ContainerSpec,
  pool: ContainerAttachments['pool'],
): ContainerAttachments {
  const asked = networks.length > 0 ? networks : [{ networkId: '', isDefault: true, fixedAddress: null }];
  return {
    networks: asked,
    published,
    hostname,
    pool,
    mounts: mounts.map(({ volumeId, made }) => ({ volumeId, made })),
  };
}
