/**
 * Bundles the page's script: `npm run build:page`. The result is committed as a text, so that wrangler, `npm start` and
 * the tests serve the same bytes, and none of them has to know how it is made.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const ENTRY = join(import.meta.dirname, 'client/main.ts');

/** Where the bundle lies. */
export const SCRIPT_FILE = join(import.meta.dirname, 'script.ts');

/** Browsers of the last five years: what is newer is written in what they know. */
const TARGET = ['es2021', 'safari15'];

/** The source of script.ts. @throws {Error} with the compiler's messages. */
export async function bundleScript(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [ENTRY],
    bundle: true,
    write: false,
    format: 'iife',
    target: TARGET,
    charset: 'ascii',
    legalComments: 'none',
    logLevel: 'silent',
  });
  // Without the paths that esbuild puts before each file, which depend on where it was called.
  const script = (outputFiles[0]?.text ?? '').replaceAll(/^ *\/\/ .*\n/gm, '');
  const lines = script
    .trimEnd()
    .split('\n')
    .map((line) => `  ${JSON.stringify(line)},`);
  return `/** The script of the upload page, made by \`npm run build:page\` from client/. */
export const SCRIPT = [
${lines.join('\n')}
].join('\\n');
`;
}

if (import.meta.main) await writeFile(SCRIPT_FILE, await bundleScript());
