/**
 * The deployed Worker on a laptop: the same sources and `wrangler.toml`, in workerd, through Miniflare's API.
 *
 * Requests reach workerd on a socket of its own with nothing in between, which serves four to five times what
 * `wrangler dev` does (docs/design.md). State is kept under the data directory and survives restarts.
 */

import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { V4MiniflareOptions } from 'miniflare';
import { CliError, messageOf } from '../errors.ts';
import { buildWorker } from './build.ts';
import { requireEveryMinute, startCrons } from './cron.ts';
import { DATA_DIR_TAG } from './data-dir.ts';
import { type LogEntry, runtimeLog } from './log.ts';
import { requireFreePort } from './ports.ts';
import { keepingOwnSignals } from './signals.ts';

/** The project's own configuration. */
const CONFIG_PATH = fileURLToPath(new URL('../../../wrangler.toml', import.meta.url));

/** Beside the dependencies: it is rebuilt when it is gone, and goes when they go. */
const CACHE_DIR = fileURLToPath(new URL('../../../node_modules/.cache/firstframe', import.meta.url));

/** Owner alone: in there are customers' images, videos and prompts. */
const PRIVATE_DIR_MODE = 0o700;

/** What to serve and where. */
export interface ServeOptions {
  /** State is kept in `<dataDir>/worker`. */
  readonly dataDir: string;
  /** A definite port: the Worker is told its own address before it starts. See `freePort`. */
  readonly port: number;
  readonly host?: string;
  /** Variables and secrets, over those of the configuration. */
  readonly vars: Readonly<Record<string, unknown>>;
  /** Default: the project's `wrangler.toml`. */
  readonly configPath?: string;
  /** Run the crons of the configuration, at once and on each minute. Default true; tests call `tick` instead. */
  readonly crons?: boolean;
  /** Hears each line that the Worker or the runtime logs. */
  readonly onLog?: (entry: LogEntry) => void;
  /** The runtime had crashed and serves again, as another process. */
  readonly onRestart?: () => Promise<void> | void;
}

/** A Worker that answers. */
export interface Served {
  readonly url: string;
  /** Runs the scheduled handler now. */
  tick(at?: Date): Promise<{ readonly outcome: string }>;
  /** Stops crons and runtime. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Builds and starts the Worker; it answers when this resolves.
 * @throws {CliError} when the port is taken, the configuration is wrong, or the Worker does not start.
 */
export async function serveWorker(options: ServeOptions): Promise<Served> {
  const { port, host = '127.0.0.1', onLog = () => {} } = options;
  await requireFreePort(port, host, 'where the service is to answer');
  const build = await buildWorker(options.configPath ?? CONFIG_PATH, CACHE_DIR);
  requireEveryMinute(build.crons);

  // Before the runtime makes it readable for all: the data directory may be an old one that others may enter.
  const statePath = join(options.dataDir, 'worker');
  await mkdir(statePath, { recursive: true });
  await chmod(statePath, PRIVATE_DIR_MODE);

  const { Miniflare, convertV4MiniflareOptions } = await import('miniflare');
  const log = await runtimeLog(onLog);
  const miniflareOptions = convertV4MiniflareOptions({
    ...build.options,
    name: build.name,
    modules: true,
    script: build.script,
    bindings: { ...build.vars, ...options.vars },
    unsafeDirectSockets: [{ host, port }],
    resourcePersistencePath: statePath,
    // Miniflare would ask workers.cloudflare.com for a sample request place; the Worker has a default of its own.
    cf: false,
    logRequests: false,
    telemetry: { enabled: false },
    unsafeRuntimeEnv: { [DATA_DIR_TAG]: options.dataDir },
    unsafeHandleRuntimeRestart: () => options.onRestart?.(),
    ...log,
    // The converter's types know the options as JSON; ours went through JSON.
  } as V4MiniflareOptions);
  const runtime = keepingOwnSignals(() => new Miniflare(miniflareOptions));
  try {
    await runtime.ready;
  } catch (cause) {
    await runtime.dispose();
    throw new CliError(`The Worker does not start: ${messageOf(cause)}`, { cause });
  }

  const tick = async (at = new Date()) => {
    const worker = await runtime.getWorker();
    return await worker.scheduled({ cron: build.crons[0] ?? '* * * * *', scheduledTime: at });
  };
  const crons =
    (options.crons ?? true) && build.crons.length > 0
      ? startCrons(tick, (thrown) =>
          onLog({ level: 'error', message: `the cron run failed: ${messageOf(thrown)}` }),
        )
      : null;
  let closing: Promise<void> | undefined;
  return {
    url: `http://${host}:${port}`,
    tick,
    close() {
      closing ??= (async () => {
        await crons?.stop();
        await runtime.dispose();
      })();
      return closing;
    },
  };
}
