/**
 * From `wrangler.toml` and the sources it names to what Miniflare needs: the bundle and the bindings.
 *
 * The same file drives `wrangler deploy`, so what runs on a laptop is what is deployed. Reading it takes wrangler
 * itself (1.8 s to load) and bundling takes esbuild (0.25 s), so both results are kept under the hashes of every
 * file that went into them.
 */

import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { CliError, messageOf } from '../errors.ts';

/** A Worker, ready for Miniflare. */
export interface WorkerBuild {
  /** The Worker's name: its Durable Objects are stored under it. */
  readonly name: string;
  /** One ES module. */
  readonly script: string;
  /** Cron expressions of the configuration. */
  readonly crons: readonly string[];
  /** Variables of the configuration, without `.dev.vars`: secrets are the caller's to add. */
  readonly vars: Readonly<Record<string, unknown>>;
  /** The rest of Miniflare's options in the shape that wrangler makes them (bindings, dates, flags). */
  readonly options: Readonly<Record<string, unknown>>;
}

const Build = z.object({
  name: z.string(),
  script: z.string(),
  crons: z.array(z.string()),
  vars: z.record(z.string(), z.unknown()),
  options: z.record(z.string(), z.unknown()),
});

const CachedBuild = z.object({
  format: z.literal(1),
  /** SHA-256 of each file that went in, by path relative to the configuration's directory. */
  inputs: z.record(z.string(), z.string()),
  build: Build,
});

/**
 * Builds the Worker that `configPath` describes. `cacheDir: null` builds afresh.
 * @throws {CliError} with the compiler's own messages when it does not compile.
 */
export async function buildWorker(configPath: string, cacheDir: string | null): Promise<WorkerBuild> {
  const root = dirname(resolve(configPath));
  const cachePath =
    cacheDir === null ? null : join(cacheDir, `worker-${sha256(resolve(configPath)).slice(0, 16)}.json`);
  const cached = cachePath === null ? null : await readCache(cachePath, root);
  if (cached) return cached;
  const { build, inputs } = await buildAfresh(configPath, root);
  if (cachePath !== null) await writeCache(cachePath, root, build, inputs);
  return build;
}

async function buildAfresh(
  configPath: string,
  root: string,
): Promise<{ build: WorkerBuild; inputs: string[] }> {
  // It would announce that it uses `.dev.vars`, of which nothing is kept here.
  process.env.WRANGLER_LOG ??= 'warn';
  // Loaded here and not above, because a start with a warm cache needs neither.
  const [wrangler, esbuild] = await Promise.all([import('wrangler'), import('esbuild')]);
  const config = wrangler.unstable_readConfig({ config: configPath });
  if (!config.name || !config.main) throw new CliError(`${configPath} must have a name and a main.`);
  const { workerOptions, define } = wrangler.unstable_getMiniflareWorkerOptions(configPath);
  // Miniflare 5 takes modules, not rules for finding them; variables are handed over on their own.
  const {
    modulesRules: _rules,
    bindings: _bindings,
    name: _name,
    ...options
  } = workerOptions as Record<string, unknown>;

  let result: Awaited<ReturnType<typeof bundle>>;
  try {
    result = await bundle(esbuild, {
      main: config.main,
      root,
      define,
      keepNames: config.keep_names ?? true,
    });
  } catch (cause) {
    throw new CliError(`The Worker does not compile: ${messageOf(cause)}`, { cause });
  }
  const script = result.outputFiles[0]?.text;
  if (script === undefined) throw new CliError('esbuild made no bundle of the Worker.');
  const build = Build.parse(
    JSON.parse(
      JSON.stringify({
        name: config.name,
        script,
        crons: config.triggers.crons ?? [],
        vars: config.vars,
        options,
      }),
    ),
  );
  const inputs = [
    resolve(configPath),
    // A new wrangler may read the same configuration differently.
    fileURLToPath(new URL('../../../node_modules/wrangler/package.json', import.meta.url)),
    ...Object.keys(result.metafile.inputs).map((path) => resolve(root, path)),
  ];
  return { build, inputs };
}

interface BundleOptions {
  readonly main: string;
  readonly root: string;
  readonly define: Record<string, string> | undefined;
  readonly keepNames: boolean;
}

/** The bundle as wrangler would make it: workerd's own modules stay outside, text files come in as strings. */
function bundle(esbuild: typeof import('esbuild'), { main, root, define, keepNames }: BundleOptions) {
  return esbuild.build({
    entryPoints: [main],
    absWorkingDir: root,
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    loader: { '.html': 'text', '.txt': 'text', '.sql': 'text' },
    keepNames,
    sourcemap: 'inline',
    sourcesContent: false,
    logLevel: 'silent',
    ...(define ? { define } : {}),
  });
}

async function readCache(path: string, root: string): Promise<WorkerBuild | null> {
  try {
    const cached = CachedBuild.parse(JSON.parse(await readFile(path, 'utf8')));
    const fresh = await Promise.all(
      Object.entries(cached.inputs).map(
        async ([input, hash]) => sha256(await readFile(resolve(root, input))) === hash,
      ),
    );
    return fresh.every(Boolean) ? cached.build : null;
  } catch {
    // No cache, an older format, or a source that is gone: all mean building afresh, which reports what is wrong.
    return null;
  }
}

async function writeCache(path: string, root: string, build: WorkerBuild, inputs: string[]): Promise<void> {
  try {
    const hashes = await Promise.all(
      inputs.map(async (input) => [relative(root, input), sha256(await readFile(input))] as const),
    );
    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.${randomUUID()}.tmp`;
    await writeFile(temporary, JSON.stringify({ format: 1, inputs: Object.fromEntries(hashes), build }));
    await rename(temporary, path);
  } catch {
    // A read-only installation has no cache; it starts a second later each time and is otherwise the same.
  }
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
