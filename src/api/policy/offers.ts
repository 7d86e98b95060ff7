/** What a lifecycle offers, events and services: possible by the chart, and to whom by the policy. */
import type { Target } from './expression.ts';
import type { Access, Role } from './policy.ts';
import type { RuleName } from './rules.ts';

const eventRules: Readonly<Record<string, RuleName>> = {
  'container.start': 'container:start',
  'container.stop': 'container:stop',
  'container.reboot': 'container:reboot',
  'container.pause': 'container:pause',
  'container.unpause': 'container:unpause',
  'container.kill': 'container:kill',
  'container.rebuild': 'container:rebuild',
  'container.delete': 'container:delete',
  'container.logs': 'container:logs',
  'container.execute': 'container:execute',
  'container.attach': 'container:attach',
  'container.top': 'container:top',
  'container.stats': 'container:stats',
  'container.archive': 'container:get_archive',
  'container.commit': 'container:commit',
  'image.delete': 'image:delete',
  'registry.delete': 'registry:delete',
  'capsule.delete': 'capsule:delete',
  'network.delete': 'network:delete_local',
  'volume.delete': 'volume:delete',
  'pool.flush': 'pool:flush',
  'host.cordon': 'host:cordon',
  'host.uncordon': 'host:uncordon',
  'host.drain': 'host:drain',
  'host.maintain': 'host:maintain',
  'host.giveUp': 'host:give_up',
  'host.remove': 'host:remove',
  'host.label': 'host:label',
  'tenant.isolate': 'tenant:isolate',
};

/** That its own route asks, too. What has none is for nobody. */
export const ruleOfEvent = ({ type, mode }: { readonly type: string; readonly mode?: unknown }): RuleName =>
  type === 'container.delete' && mode === 'force'
    ? 'container:delete_force'
    : (eventRules[type] ?? 'deny_everybody');

/** Each with who may ask for it; what the caller may not is not offered. */
export const offersTo = <T extends { readonly type: string; readonly mode?: unknown }>(
  access: Access,
  target: Target,
  offers: readonly T[],
): readonly (T & { readonly roles: readonly Role[] })[] =>
  offers
    .filter((event) => access.may(ruleOfEvent(event), target))
    .map((event) => ({ ...event, roles: access.whoMay(ruleOfEvent(event), target) }));
