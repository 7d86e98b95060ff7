/** Writes the pages that are made from the code: `npm run docs`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generatedPages } from './pages.ts';

const root = process.cwd();
for (const [path, text] of await generatedPages(root)) {
  writeFileSync(join(root, path), text);
  console.log(path);
}
