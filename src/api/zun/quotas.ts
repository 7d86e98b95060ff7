/**
 * `/v1/quotas` and `/v1/quota_classes`. What holds for a project is in its
 * tenant's chart; the class `default` is what projects have that were given
 * nothing else. Other classes are kept and, as in Zun, hold for nobody.
 *
 * @see zun-api 2.12
 */
import type { FastifyInstance } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { callerOf } from '../request.ts';
import { text } from './body-fields.ts';
import { parametersOf, queryOf, type ById } from './container-access.ts';
import { amountOf, amountsView, limitsIn, projectOf, resources, shownAmount } from './quota-amounts.ts';
import { onlyKnown } from './values.ts';

const siteClass = 'default';
const nameLength = { least: 1, most: 255 };

export function quotas(controlPlane: ControlPlane) {
  return async (app: FastifyInstance): Promise<void> => {
    app.get<ById>('/v1/quotas/:id', (request) => {
      const { id } = request.params;
      request.access.require('quota:get', { project_id: id });
      onlyKnown(queryOf(request), ['usages']);
      const { limits, used } = controlPlane.tenant(id);
      // Whatever it says, as in Zun; only an empty one asks for none.
      if ((queryOf(request)['usages'] ?? '') === '') return amountsView(limits);
      return Object.fromEntries(
        resources.map((each) => [
          each,
          { limit: shownAmount(limits, each), in_use: shownAmount(used, each) },
        ]),
      );
    });
    app.get<ById>('/v1/quotas/:id/defaults', (request) => {
      request.access.require('quota:get_default', { project_id: request.params.id });
      onlyKnown(queryOf(request), []);
      return amountsView(controlPlane.quotaClass(siteClass));
    });
    app.put<ById>('/v1/quotas/:id', async (request) => {
      const { id } = request.params;
      request.access.require('quota:update', { project_id: id });
      const limits = limitsIn(parametersOf(request));
      await controlPlane.setLimits(projectOf(request, id), limits, callerOf(request));
      return amountsView(controlPlane.tenant(id).limits);
    });
    app.delete<ById>('/v1/quotas/:id', async (request, reply) => {
      const { id } = request.params;
      request.access.require('quota:delete', { project_id: id });
      onlyKnown(queryOf(request), []);
      const toSites = Object.fromEntries(Object.values(amountOf).map((amount) => [amount, null]));
      await controlPlane.setLimits(projectOf(request, id), toSites, callerOf(request));
      return reply.type('application/json').send('null');
    });

    app.get<ById>('/v1/quota_classes/:id', (request) => {
      request.access.require('quota_class:get', {});
      onlyKnown(queryOf(request), []);
      return amountsView(controlPlane.quotaClass(request.params.id));
    });
    app.put<ById>('/v1/quota_classes/:id', async (request) => {
      request.access.require('quota_class:update', {});
      const name = text({ name: request.params.id }, 'name', nameLength)!;
      const limits = limitsIn(parametersOf(request));
      await controlPlane.setQuotaClass(name, limits, callerOf(request));
      return amountsView(controlPlane.quotaClass(name));
    });
  };
}
