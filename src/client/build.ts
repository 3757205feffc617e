/**
 * Bundles the verifier of webhooks and its types: `npm run build:client`. The result is committed, since Node takes no
 * TypeScript out of `node_modules`, and since it is one file that can be copied.
 */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const run = promisify(execFile);
const HERE = import.meta.dirname;

/** Where the two files lie. */
export const BUNDLE_FILE = join(HERE, 'bundle/webhooks.js');
export const TYPES_FILE = join(HERE, 'bundle/webhooks.d.ts');

const HEAD = `/**
 * Verifies Standard Webhooks, schemes v1 and v1a. One file without dependencies, for Workers, browsers and Node 20+.
 * MIT. Made by \`npm run build:client\` of Firstframe from src/client/; its docs are docs/webhooks.md.
 */
`;

/** The source of the bundle. @throws {Error} with the compiler's messages. */
export async function bundleClient(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(HERE, 'verify-webhook.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    charset: 'ascii',
    legalComments: 'none',
    logLevel: 'silent',
  });
  // Without the paths that esbuild puts before each file, which depend on where it was called.
  return HEAD + (outputFiles[0]?.text ?? '').replaceAll(/^ *\/\/ .*\n/gm, '');
}

/** The declarations of the public types and of the function, as one file. @throws {Error} with the compiler's messages. */
export async function bundleTypes(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'firstframe-types-'));
  try {
    const options = ['--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--outDir', dir];
    const tsc = join(HERE, '../../node_modules/typescript/bin/tsc');
    await run(process.execPath, [tsc, '-p', HERE, ...options]);
    const [contract, entry] = await Promise.all(
      ['contract.d.ts', 'verify-webhook.d.ts'].map((name) => readFile(join(dir, name), 'utf8')),
    );
    // What the one takes from the other stands beside it now; their remarks on files say nothing of the bundle.
    const withoutModules = `${contract}${entry}`
      .replaceAll(/^(?:import|export) [^;]*? from '\.\/[^;]*;\n/gm, '')
      .replaceAll(/^\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n(?=\/\*\*|\n)/gm, '');
    return `${HEAD}${withoutModules}`;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  await mkdir(join(HERE, 'bundle'), { recursive: true });
  await Promise.all([
    bundleClient().then((text) => writeFile(BUNDLE_FILE, text)),
    bundleTypes().then((text) => writeFile(TYPES_FILE, text)),
  ]);
}
