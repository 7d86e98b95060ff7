import type { HostView } from '../../model/host.ts';
import { hostnames, type Filter } from '../filter.ts';

type Label = readonly [name: string, value: string];

const has = ({ labels }: HostView, [name, value]: Label): boolean =>
  Object.hasOwn(labels, name) && labels[name] === value;

/** @see zun-api 3.8: the hint `label:<name>` = value */
export const labels: Filter = {
  name: 'labels',
  applies: (request) => request.labels.length > 0,
  check: (host, { labels: asked }) => asked.every((label) => has(host, label)),
  explain: (refused, { labels: asked }) => {
    const said = asked.flatMap((label) => {
      const without = refused.filter((host) => !has(host, label));
      return without.length === 0 ? [] : [`${label.join('=')} is not on ${hostnames(without)}`];
    });
    return `${said.join(', ')}; label a host so, or leave the hint out`;
  },
};
