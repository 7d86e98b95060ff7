/** The events that a lifecycle offers: possible by the chart, and to whom by the policy. */
import type { AllowedEvent } from '../../actors/index.ts';
import type { Target } from './expression.ts';
import type { Access, Role } from './policy.ts';
import type { RuleName } from './rules.ts';

/** Each with who may send it. */
export type OfferedEvent = AllowedEvent & { readonly roles: readonly Role[] };

const eventRules: Readonly<Record<string, RuleName>> = {
  'container.start': 'container:start',
  'container.stop': 'container:stop',
  'container.reboot': 'container:reboot',
  'container.pause': 'container:pause',
  'container.unpause': 'container:unpause',
  'container.kill': 'container:kill',
  'container.rebuild': 'container:rebuild',
  'container.delete': 'container:delete',
  'network.delete': 'network:delete_local',
  'volume.delete': 'volume:delete',
  'pool.flush': 'pool:flush',
  'host.cordon': 'host:cordon',
  'host.uncordon': 'host:uncordon',
  'host.drain': 'host:drain',
  'host.maintain': 'host:maintain',
  'host.giveUp': 'host:give_up',
  'host.label': 'host:label',
  'tenant.isolate': 'tenant:isolate',
};

/** That its own route asks, too. What has none is for nobody. */
export const ruleOfEvent = ({ type, mode }: { readonly type: string; readonly mode?: unknown }): RuleName =>
  type === 'container.delete' && mode === 'force'
    ? 'container:delete_force'
    : (eventRules[type] ?? 'deny_everybody');

/** What the caller may not send is not offered. */
export const offersTo = (
  access: Access,
  target: Target,
  events: readonly AllowedEvent[],
): readonly OfferedEvent[] =>
  events
    .filter((event) => access.may(ruleOfEvent(event), target))
    .map((event) => ({ ...event, roles: access.whoMay(ruleOfEvent(event), target) }));
