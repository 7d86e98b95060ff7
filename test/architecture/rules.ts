/** Who may import whom, and who may reach for the world. `docs/architecture.md` says it in words. */
import type { Import, Sources } from './sources.ts';

interface Folder {
  /** Folders of `src/`, or one file of them. A folder may always import itself. */
  readonly imports: readonly string[];
  /** Packages and Node's modules; null = any. */
  readonly packages: readonly string[] | null;
}

const vocabulary = ['model', 'errors'] as const;

/** Every folder of `src/`. One that isn't here may not exist. */
const folders: Readonly<Record<string, Folder>> = {
  // A digest, the arithmetic of addresses and what gzip has made are functions of their arguments.
  model: {
    imports: [],
    packages: ['node:crypto', 'node:events', 'node:stream', 'node:zlib', 'ip-address'],
  },
  errors: { imports: ['model'], packages: [] },
  machines: { imports: [...vocabulary], packages: ['xstate'] },
  scheduler: { imports: [...vocabulary], packages: [] },
  config: { imports: [...vocabulary], packages: null },
  link: { imports: [...vocabulary], packages: null },
  drivers: { imports: [...vocabulary], packages: null },
  openstack: { imports: [...vocabulary], packages: null },
  actors: { imports: [...vocabulary, 'machines', 'scheduler', 'link'], packages: null },
  agent: { imports: [...vocabulary, 'drivers', 'link'], packages: null },
  api: { imports: [...vocabulary, 'actors/index.ts'], packages: null },
  chart: { imports: [], packages: ['elkjs'] },
  cli: { imports: [...vocabulary, 'chart', 'config'], packages: null },
  // It knows what the API says, and nothing of how.
  console: { imports: ['chart', 'model'], packages: null },
  main: {
    imports: [
      ...vocabulary, 'machines', 'scheduler', 'config', 'link', 'drivers', 'openstack', 'actors', 'agent', 'api', 'cli',
    ], // prettier-ignore
    packages: null,
  },
};

/** Where clock, randomness, timers and environment are taken in, to be handed on as arguments. */
const roots = 'main';
/** The same for what runs in a browser. */
const browserRoot = 'console/browser.ts';
const isRoot = (from: string): boolean => folderOf(from) === roots || from === browserRoot;

const worldModules = new Set(
  ['timers', 'timers/promises', 'perf_hooks', 'process'].flatMap((name) => [name, `node:${name}`]),
);
const randomNames = /^(random|generateKey|generatePrime|getRandomValues|webcrypto|subtle)/;
const worldGlobals = new Set([
  'setTimeout', 'setInterval', 'setImmediate', 'performance', 'crypto', 'globalThis', 'global', 'require', 'eval',
  'Date', 'new Date()', 'Date.now', 'Math', 'Math.random', 'process', 'AbortSignal.timeout', 'AbortSignal',
]); // prettier-ignore
const worldObjects = /^(performance|crypto|globalThis|global|require)\b|^process\.(env|hrtime|uptime)$/;

/** One line for each breach: where, what, and the rule. */
export function breaches({ imports, globals }: Sources): readonly string[] {
  return [
    ...imports.flatMap((each) => [...forbiddenImport(each), ...worldImport(each)]),
    ...globals
      .filter(({ from }) => !isRoot(from))
      .filter(({ use }) => worldGlobals.has(use) || worldObjects.test(use))
      .map(
        ({ from, line, use }) => `${from}:${line} reaches for ${use}; take it as an argument from ${roots}/`,
      ),
    ...cycles(imports),
  ];
}

const folderOf = (path: string): string => path.split('/')[0]!;

function forbiddenImport({ from, to, line }: Import): readonly string[] {
  const at = `${from}:${line}`;
  const folder = folders[folderOf(from)];
  if (!folder) return [`${at} is in a folder that has no rule; give it one`];
  if (to === null) return [`${at} imports what is only known when it runs`];
  if (!/\.tsx?$/.test(to)) {
    const allowed = folder.packages === null || folder.packages.some((name) => to === name);
    return allowed ? [] : [`${at} imports the package "${to}"; ${folderOf(from)} is pure`];
  }
  const may = [folderOf(from), ...folder.imports].some((each) => to === each || to.startsWith(`${each}/`));
  return may
    ? []
    : [
        `${at} imports ${to}; ${folderOf(from)} may import only ${folder.imports.join(', ') || 'nothing'} of ours`,
      ];
}

function worldImport({ from, to, line, names }: Import): readonly string[] {
  if (to === null || isRoot(from)) return [];
  if (worldModules.has(to))
    return [`${from}:${line} imports "${to}"; take the clock as an argument from ${roots}/`];
  if (to !== 'node:crypto' && to !== 'crypto') return [];
  if (names === null)
    return [`${from}:${line} imports all of "${to}", randomness with it; name what it needs`];
  return names
    .filter((name) => randomNames.test(name))
    .map(
      (name) => `${from}:${line} imports ${name} of "${to}"; take randomness as an argument from ${roots}/`,
    );
}

/** Each cycle once, by the file that sorts first. Types count: what can't be read apart is not apart. */
function cycles(imports: readonly Import[]): readonly string[] {
  const next = new Map<string, Set<string>>();
  for (const { from, to } of imports) {
    if (!to || !/\.tsx?$/.test(to)) continue;
    if (!next.has(from)) next.set(from, new Set());
    next.get(from)!.add(to);
  }
  const found = new Map<string, string>();
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) {
      const cycle = path.slice(at);
      const first = [...cycle].sort()[0]!;
      const turned = [...cycle.slice(cycle.indexOf(first)), ...cycle.slice(0, cycle.indexOf(first)), first];
      found.set(turned.join(), `${turned.join(' → ')} is a cycle of imports`);
      return;
    }
    if (done.has(file)) return;
    for (const each of next.get(file) ?? []) walk(each, [...path, file]);
    done.add(file);
  };
  for (const file of [...next.keys()].sort()) walk(file, []);
  return [...found.values()];
}
