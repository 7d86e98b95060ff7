/** The pages that are made from the code, as they should be now. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { chartPictures, chartsPage } from './charts.ts';
import { configurationPage } from './configuration.ts';
import { errorsPage } from './errors.ts';
import { metricsTable } from './metrics.ts';
import { openApiDocument } from './openapi.ts';
import { policyPage } from './policy.ts';

/** Path within the project → text. @param root the project's folder */
export async function generatedPages(root: string): Promise<ReadonlyMap<string, string>> {
  const operations = 'docs/operations.md';
  const pages: readonly (readonly [string, string])[] = [
    ['docs/configuration.md', configurationPage()],
    ['docs/errors.md', errorsPage()],
    ['docs/policy.md', policyPage()],
    ['docs/charts.md', chartsPage()],
    [operations, replaceBlock(readFileSync(join(root, operations), 'utf8'), 'metrics', await metricsTable())],
  ];
  const options = await resolveConfig(join(root, operations));
  const texts = await Promise.all(
    pages.map(
      async ([path, text]) => [path, await format(text, { ...options, parser: 'markdown' })] as const,
    ),
  );
  const document = await format(await openApiDocument(), { ...options, parser: 'json' });
  return new Map([...texts, ['docs/openapi.json', document], ...(await chartPictures())]);
}

/** What stands between `<!-- name -->` and `<!-- /name -->`. @throws RangeError when the page has no such place */
function replaceBlock(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new RangeError(`The page has no "${begin}" … "${end}"`);
  return `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
}
