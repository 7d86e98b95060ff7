import { quoted, type Filter } from '../filter.ts';

export const runtime: Filter = {
  name: 'runtime',
  applies: (request) => request.runtime !== null,
  check: ({ runtimes }, { runtime: asked }) => asked === null || runtimes.includes(asked),
  explain: (hosts, { runtime: asked }) => {
    const others = quoted(hosts.flatMap(({ runtimes }) => runtimes));
    return `runtime "${asked}" is not there; install it${others === '' ? '' : `, or ask for one of ${others}`}`;
  },
};
