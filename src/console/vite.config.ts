/** The console's build: `dist/console`, each file beside its compressed forms. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

const outDir = join(import.meta.dirname, '../../dist/console');

/** The server sends what is compressed already: it never compresses itself. */
const compress = (): Plugin => ({
  name: 'compress',
  closeBundle() {
    for (const folder of [outDir, join(outDir, 'assets')])
      for (const name of readdirSync(folder).filter((each) => /\.(js|css|html|svg)$/.test(each))) {
        const content = readFileSync(join(folder, name));
        const params = { [constants.BROTLI_PARAM_QUALITY]: content.length > 500_000 ? 9 : 11 };
        writeFileSync(join(folder, `${name}.br`), brotliCompressSync(content, { params }));
        writeFileSync(join(folder, `${name}.gz`), gzipSync(content, { level: 9 }));
      }
  },
});

export default defineConfig({
  root: import.meta.dirname,
  base: '/console/',
  logLevel: 'warn',
  build: {
    outDir,
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2_000,
  },
  plugins: [compress()],
});
