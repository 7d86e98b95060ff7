/**
 * Tenants, hosts and containers on their real charts, with messages between
 * them in any order that keeps each pair's own, and views as old as one likes.
 * It keeps a ledger of its own of what was granted to whom, and holds the
 * charts against it after each step.
 */
import { emptyTally, isSameTally, withClaim } from '../../src/machines/host/claims.ts';
import type { HostContext } from '../../src/machines/host/context.ts';
import { hostViewOf } from '../../src/machines/host/view.ts';
import { containerChart } from '../../src/machines/container.machine.ts';
import type { ContainerContext } from '../../src/machines/container/context.ts';
import { hostChart } from '../../src/machines/host.machine.ts';
import { tenantChart } from '../../src/machines/tenant.machine.ts';
import { neighboursOf, type TenantContext } from '../../src/machines/tenant/context.ts';
import { grown } from '../../src/machines/resize.ts';
import { equal, minus, noAmounts, plus } from '../../src/machines/amounts.ts';
import { containerAddress, hostAddress } from '../../src/model/address.ts';
import type { Amounts } from '../../src/model/container.ts';
import type { Claim, EffectResults, Emitted } from '../../src/model/events.ts';
import type { HostView } from '../../src/model/host.ts';
import { groupKey, resources, type GroupMembership, type Neighbours } from '../../src/model/placement.ts';
import { rankHosts } from '../../src/scheduler/rank.ts';
import { containerInput, observation } from '../machines/container-samples.ts';
import { fingerprint, hostInput } from '../machines/host-space.ts';
import { walk, type Walk } from '../machines/walk.ts';

export interface HostPlan {
  readonly cpus: number;
  readonly memoryMib: number;
  readonly ratio: number;
  readonly reserved: number;
}

export interface ContainerPlan {
  readonly tenant: string;
  readonly amounts: Amounts;
  readonly group: GroupMembership | null;
}

interface Message {
  readonly from: string;
  readonly to: string;
  readonly event: { readonly type: string; readonly [field: string]: unknown };
}

export interface Cluster {
  /** What was wrong so far, in words. */
  readonly wrong: readonly string[];
  /** Refused placements that were explained. */
  readonly explained: number;
  readonly granted: number;
  readonly containers: readonly string[];
  /** `abandon`: the control plane dies between the reservation and the container. */
  create(plan: ContainerPlan, pick: () => number, abandon: boolean): void;
  remove(id: string): void;
  resize(id: string, to: Amounts): void;
  /** The engine refuses a resize that its host and its tenant have granted. */
  failResize(id: string): void;
  isolate(tenant: string, neighbours: Neighbours): void;
  command(host: number, type: string): void;
  /** Delivers the oldest message of one pair. */
  deliver(pair: number): void;
  /** Ends one thing that a container or a tenant waits for. */
  finish(which: number, pick: () => number): void;
  /** Lets everything that is under way come to its end, and compares all totals. */
  settle(pick: () => number): void;
}

/** How long hosts are waited for; may end at any time. */
const patience = new Set(['claim.deadline', 'reclaim.deadline']);

export function createCluster(
  plans: readonly HostPlan[],
  tenants: readonly string[],
  limit: Amounts,
): Cluster {
  const wrong: string[] = [];
  let explained = 0;
  let granted = 0;
  let created = 0;
  const hosts = plans.map(({ cpus, memoryMib, ratio, reserved }, at) =>
    walk(hostChart, {
      ...hostInput,
      id: `h${at}`,
      policy: {
        availabilityZone: 'nova',
        ratios: { cpu: ratio, memory: 1, disk: 1 },
        reserved: { cpu: 0, memory: reserved, disk: 0 },
        warmMemoryMib: 0,
      },
    })
      .send({
        type: 'link.connected',
        session: 's',
        fingerprint: { ...fingerprint, hostname: `host${at}`, cpus, memoryMib, diskGib: 100 },
      })
      .send({ type: 'link.synced', session: 's' }),
  );
  const tenantWalks = new Map(
    tenants.map((id) => [
      id,
      walk(tenantChart, { id, limits: limit, neighbours: 'off', reservationMs: 1_000 }),
    ]),
  );
  const containers = new Map<string, Walk>();
  const queues = new Map<string, Message[]>();
  /** Every view there ever was of each host, oldest first. */
  const views: HostView[][] = hosts.map(() => []);
  /** What each host has granted and not got back, by what the messages said. */
  const ledger = hosts.map((): Claim[] => []);
  const ledgerTotals = hosts.map(() => noAmounts);

  const contextOf = <T>(each: Walk): T => each.context as unknown as T;
  const hostContext = (at: number): HostContext => contextOf<HostContext>(hosts[at]!);
  const look = (at: number): void => {
    views[at]!.push(hostViewOf(hostContext(at), hosts[at]!.paths, new Set()));
  };
  for (const at of hosts.keys()) look(at);

  const post = (from: string, emitted: readonly Emitted[]): void => {
    for (const each of emitted) {
      if (each.type !== 'message') continue;
      const pair = `${from} ${each.to}`;
      queues.set(pair, [...(queues.get(pair) ?? []), { from, to: each.to, event: each.event }]);
    }
  };
  const claimIn = (event: Message['event']): Claim => event as unknown as Claim;

  /** The ledger's own account of what one event to a host has done. */
  const account = (at: number, event: Message['event'], emitted: readonly Emitted[]): void => {
    const mine = ledger[at]!;
    // A tenant that bears neighbours again has released its containers there from its wish.
    if (event.type === 'tenant.isolated' && event['neighbours'] !== 'enforced') {
      for (const [index, claim] of mine.entries())
        if (claim.tenant === event['tenant'])
          mine[index] = { ...claim, terms: { ...claim.terms, neighbours: 'off' } };
    }
    const bounced = event.type === 'message.undeliverable' ? (event['message'] as Message['event']) : null;
    const released =
      event.type === 'host.release' ? event : bounced?.type.endsWith('.granted') ? bounced : null;
    if (released) {
      const { containerId, amounts } = claimIn(released);
      ledgerTotals[at] = minus(ledgerTotals[at]!, amounts);
      if (amounts.containers > 0) {
        const found = mine.findIndex((claim) => claim.containerId === containerId);
        if (found < 0) wrong.push(`host${at} got back ${containerId}, which it had not granted`);
        else mine.splice(found, 1);
      }
    }
    for (const each of emitted) {
      if (each.type !== 'message' || !each.event.type.endsWith('.granted')) continue;
      const claim = claimIn(each.event);
      granted += 1;
      ledgerTotals[at] = plus(ledgerTotals[at]!, claim.amounts);
      if (claim.amounts.containers === 0) continue;
      for (const other of mine) {
        const foreign = other.tenant !== claim.tenant;
        if (foreign && (claim.terms.neighbours === 'enforced' || other.terms.neighbours === 'enforced'))
          wrong.push(`host${at} has ${other.tenant} and ${claim.tenant}, one of whom wanted to be alone`);
        if (foreign && toldAlone.has(`${at} ${other.tenant}`))
          wrong.push(`host${at} took ${claim.tenant} beside ${other.tenant}, of whom it knew`);
        if (claim.containerId !== other.containerId && isApartFrom(claim, other))
          wrong.push(`host${at} has two of a group that wanted to be apart`);
      }
      mine.push(claim);
    }
    const { totals } = hostContext(at);
    const expected = ledgerTotals[at]!;
    if (!equal(totals, expected))
      wrong.push(`host${at} counts ${JSON.stringify(totals)}, granted are ${JSON.stringify(expected)}`);
    const { allocatable } = views[at]![0]!;
    for (const resource of resources)
      if (totals[resource] > allocatable[resource]) wrong.push(`host${at} is overcommitted: ${resource}`);
  };
  /** Hosts that were told of a tenant there that wants to be alone. */
  const toldAlone = new Set<string>();

  const sendHost = (at: number, event: Message['event']): void => {
    const host = hosts[at]!.send(event);
    account(at, event, host.emitted);
    post(hostAddress(`h${at}`), host.emitted);
    look(at);
    for (const tenant of tenants) {
      const alone = hostContext(at).enforcing.includes(tenant);
      if (alone) toldAlone.add(`${at} ${tenant}`);
      else toldAlone.delete(`${at} ${tenant}`);
    }
  };

  const rank = (context: ContainerContext, pick: () => number): EffectResults['rankHosts'] => {
    const stale = views.map((all) => all[all.length - 1 - (pick() % Math.min(all.length, 8))]!);
    const ranking = rankHosts(stale, {
      tenant: context.tenant,
      amounts: context.amounts,
      image: 'busybox:latest',
      runtime: null,
      availabilityZone: null,
      requestedHost: null,
      needsNetworks: false,
      bound: [],
      labels: [],
      sameHost: [],
      differentHost: [],
      terms: context.terms,
      exclude: new Set(context.refusedBy),
      strategy: pick() % 2 ? 'spread' : 'pack',
      seed: pick(),
      inFlight: pick() % 20,
    });
    if (ranking.candidates.length > 0) return ranking;
    explained += 1;
    const counted = ranking.refusals.reduce((sum, each) => sum + each.hosts, 0);
    if (counted !== hosts.length) wrong.push(`${counted} of ${hosts.length} refusals were told`);
    if (ranking.refusals.some(({ hosts: count, reason }) => count < 1 || reason.trim() === ''))
      wrong.push('a refusal says nothing');
    return ranking;
  };

  const tell = (address: string, event: Message['event']): void => {
    const [kind, first = '', second = ''] = address.split('/');
    if (kind === 'host') return sendHost(Number(first.slice(1)), event);
    if (kind === 'tenant') return void tenantWalks.get(first)!.send(event);
    const container = containers.get(second);
    if (!container) return;
    container.send(event);
    post(address, container.emitted);
    bury(second);
  };

  const bury = (id: string): void => {
    if (containers.get(id)!.paths.includes('deleted')) containers.delete(id);
  };

  const finishContainer = (id: string, invokeId: string, pick: () => number): void => {
    const container = containers.get(id)!;
    const context = contextOf<ContainerContext>(container);
    const outputs: Record<string, unknown> = {
      rankHosts: invokeId === 'rankHosts' ? rank(context, pick) : null,
      pullImage: { imageId: 'i' },
      createContainer: { observation: observation({ containerId: id, state: 'created', startedAt: null }) },
      startContainer: { observation: observation({ containerId: id, startedAt: 1_000 }) },
      stopContainer: { observation: null },
    };
    container.done(invokeId, outputs[invokeId] ?? (invokeId.includes('.') ? { at: 0 } : null));
    post(containerAddress(context.tenant, id), container.emitted);
    bury(id);
  };

  const finishTenant = (id: string, invokeId: string): void => {
    const tenant = tenantWalks.get(id)!;
    if (invokeId !== 'tellHosts') return void tenant.done(invokeId, { at: 10_000 });
    const neighbours = neighboursOf(contextOf<TenantContext>(tenant));
    for (const at of hosts.keys()) sendHost(at, { type: 'tenant.isolated', tenant: id, neighbours });
    tenant.done('tellHosts', { told: hosts.length });
  };

  /** What may end now: operations, pauses, and the patience with a host that was asked. */
  const waiting = (settling: boolean): readonly (readonly [string, string])[] => [
    ...[...containers].flatMap(([id, { active }]) =>
      active
        .filter((each) => !each.endsWith('.deadline') || (!settling && patience.has(each)))
        .map((each) => [id, each] as const),
    ),
    ...[...tenantWalks].flatMap(([id, { active }]) =>
      active.filter((each) => each === 'tellHosts').map((each) => [id, each] as const),
    ),
  ];

  const cluster: Cluster = {
    wrong,
    get explained() {
      return explained;
    },
    get granted() {
      return granted;
    },
    get containers() {
      return [...containers.keys()];
    },
    create({ tenant, amounts, group }, pick, abandon) {
      created += 1;
      const id = `c${created}`;
      const owner = tenantWalks.get(tenant)!;
      owner.send({ type: 'tenant.reserve', containerId: id, generation: 1, amounts, at: 0 });
      if (owner.emitted.some((each) => each.type === 'answer' && each.answer === 'refused')) return;
      if (abandon) return;
      const container = {
        tenant,
        terms: { neighbours: neighboursOf(contextOf<TenantContext>(owner)), group },
      };
      const input = { ...containerInput, ...container, id, amounts, candidates: [] };
      const { candidates } = rank({ ...input, refusedBy: [] } as unknown as ContainerContext, pick);
      containers.set(id, walk(containerChart, { ...input, candidates }));
      post(containerAddress(tenant, id), containers.get(id)!.emitted);
    },
    remove(id) {
      const { tenant } = contextOf<ContainerContext>(containers.get(id)!);
      tell(containerAddress(tenant, id), { type: 'container.delete', mode: 'force', graceMs: 0 });
    },
    resize(id, to) {
      const { tenant, amounts, terms, specVersion } = contextOf<ContainerContext>(containers.get(id)!);
      const reservation = { containerId: id, tenant, generation: specVersion + 1, amounts: grown(amounts, to), terms }; // prettier-ignore
      const owner = tenantWalks.get(tenant)!.send({ type: 'tenant.reserve', ...reservation, at: 0 });
      if (owner.emitted.some((each) => each.type === 'answer' && each.answer === 'refused')) return;
      tell(containerAddress(tenant, id), { type: 'container.resize', amounts: to });
    },
    failResize(id) {
      const container = containers.get(id)!;
      if (!container.active.includes('updateContainer')) return;
      const { tenant } = contextOf<ContainerContext>(container);
      container.failed('updateContainer', 'ENGINE_ERROR');
      post(containerAddress(tenant, id), container.emitted);
    },
    isolate: (tenant, neighbours) =>
      void tenantWalks.get(tenant)!.send({ type: 'tenant.isolate', neighbours }),
    command(host, type) {
      sendHost(host, { type, session: 's', reason: 'cut' });
    },
    deliver(pair) {
      if (queues.size === 0) return;
      const [name, messages] = [...queues][pair % queues.size]!;
      const [message, ...rest] = messages;
      if (rest.length > 0) queues.set(name, rest);
      else queues.delete(name);
      const { from, to, event } = message!;
      const [kind, , id = ''] = to.split('/');
      if (kind === 'container' && !containers.has(id))
        return tell(from, { type: 'message.undeliverable', to, gone: true, message: event });
      tell(to, event);
    },
    finish(which, pick) {
      const all = waiting(false);
      if (all.length === 0) return;
      const [id, invokeId] = all[which % all.length]!;
      if (containers.has(id)) finishContainer(id, invokeId, pick);
      else finishTenant(id, invokeId);
    },
    settle(pick) {
      for (const at of hosts.keys()) {
        sendHost(at, {
          type: 'link.connected',
          session: 's',
          fingerprint: contextOf<HostContext>(hosts[at]!).fingerprint,
        });
        sendHost(at, { type: 'link.synced', session: 's' });
      }
      for (let turns = 0; queues.size > 0 || waiting(true).length > 0; turns += 1) {
        if (turns > 20_000) return void wrong.push('It does not settle');
        while (queues.size > 0) cluster.deliver(pick());
        const [next] = waiting(true);
        if (!next) continue;
        if (containers.has(next[0])) finishContainer(next[0], next[1], pick);
        else finishTenant(...next);
      }
      for (const [id, tenant] of tenantWalks) {
        if (tenant.active.includes('reservation.deadline')) finishTenant(id, 'reservation.deadline');
        compareTenant(id, contextOf<TenantContext>(tenant));
      }
      for (const at of hosts.keys()) compareHost(at);
    },
  };

  const compareTenant = (id: string, { totals, reservations }: TenantContext): void => {
    let expected = noAmounts;
    for (const container of containers.values()) {
      const context = contextOf<ContainerContext>(container);
      if (context.tenant === id && context.reservationHeld)
        expected = plus(plus(expected, context.amounts), asked(context));
    }
    if (!equal(totals, expected) || Object.keys(reservations).length > 0)
      wrong.push(`${id} counts ${JSON.stringify(totals)}, its containers hold ${JSON.stringify(expected)}`);
  };

  const compareHost = (at: number): void => {
    let expected = emptyTally;
    for (const container of containers.values()) {
      const context = contextOf<ContainerContext>(container);
      if (context.hostId !== `h${at}` || !context.claimHeld) continue;
      expected = withClaim(expected, context);
      if (context.resize?.granted) expected = withClaim(expected, { ...context, amounts: asked(context) });
    }
    const is = hostContext(at);
    if (!isSameTally(is, { ...expected, enforcing: is.enforcing }))
      wrong.push(
        `host${at} counts ${JSON.stringify(is.totals)}, claims there are ${JSON.stringify(expected.totals)}`,
      );
    for (const { tenant } of [...containers.values()].map((each) => contextOf<ContainerContext>(each)))
      if (is.enforcing.includes(tenant) && is.tenants[tenant] === undefined)
        wrong.push(`host${at} heeds ${tenant}, which is not there`);
  };

  return cluster;
}

/** What a resize that is under way adds. */
const asked = ({ amounts, resize }: ContainerContext): Amounts =>
  resize ? grown(amounts, resize.to) : noAmounts;

function isApartFrom(one: Claim, other: Claim): boolean {
  const a = one.terms.group;
  const b = other.terms.group;
  if (!a || !b || groupKey(one.tenant, a.name) !== groupKey(other.tenant, b.name)) return false;
  return a.policy === 'anti-affinity' || b.policy === 'anti-affinity';
}
