/** The whole service on one machine: the engine, the Worker in front of it, and the data directory under both. */

import { join } from 'node:path';
import type { Engine, StartRender } from '../../engine/contract.ts';
import { CliError, messageOf } from '../errors.ts';
import { claimDataDir, type DataDir } from '../serve/data-dir.ts';
import type { LogEntry } from '../serve/log.ts';
import { requireFreePort } from '../serve/ports.ts';
import { serveWorker } from '../serve/serve.ts';
import { enginePort } from './engine-port.ts';
import { localSecrets } from './secrets.ts';

/** Where videos are made. */
export type Upstream =
  | {
      readonly kind: 'engine';
      /** Renders at a time; the engine's default when left out. */
      readonly concurrency?: number;
      /** For tests that need no pixels. */
      readonly startRender?: StartRender;
    }
  /** fal itself, or whatever speaks its protocol: the variables say where and with which key. */
  | { readonly kind: 'remote'; readonly vars: Readonly<Record<string, unknown>> };

/** How to start. */
export interface LocalServiceOptions {
  readonly dataDir: string;
  readonly port: number;
  readonly host?: string;
  readonly upstream: Upstream;
  /** Where the world reaches the service, when that is not its own address. */
  readonly publicUrl?: string;
  /** Variables over those of `wrangler.toml`. */
  readonly vars?: Readonly<Record<string, unknown>>;
  /** See `ServeOptions.crons`. */
  readonly crons?: boolean;
  readonly onLog?: (entry: LogEntry) => void;
  /** Hears what is going on, in words for a person. */
  readonly onStep?: (text: string) => void;
}

/** A running service. */
export interface LocalService {
  readonly url: string;
  /** Real path. */
  readonly dataDir: string;
  readonly adminToken: string;
  /** Null with another upstream. */
  readonly engineUrl: string | null;
  /** Runs the cron's work now. */
  tick(): Promise<{ readonly outcome: string }>;
  /** Stops everything that was started. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Starts the service; it answers when this resolves. What was started is stopped again when a later part fails.
 * @throws {CliError} when the directory or a port is taken, or a part does not start.
 */
export async function startLocalService(options: LocalServiceOptions): Promise<LocalService> {
  const { port, host = '127.0.0.1', upstream, onStep = () => {}, onLog } = options;
  /** What is running, in the order of its start. */
  const running: (() => Promise<void>)[] = [];
  const close = async () => {
    const failures: unknown[] = [];
    for (let stop = running.pop(); stop; stop = running.pop()) {
      try {
        await stop();
      } catch (thrown) {
        // The rest is stopped all the same.
        failures.push(thrown);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'The service did not stop cleanly');
  };
  try {
    const dir = await claimDataDir(options.dataDir);
    running.push(() => dir.release());
    for (const { pid } of dir.endedOrphans) {
      onStep(`ended process ${pid}, the runtime that a killed service had left on this data`);
    }
    await requireFreePort(port, host, 'where the service is to answer');
    const secrets = await localSecrets(dir.path);

    let upstreamVars: Readonly<Record<string, unknown>>;
    let engine: Engine | null = null;
    if (upstream.kind === 'engine') {
      onStep('starting the engine');
      engine = await startEngineOn(dir, port, host, upstream, onLog);
      running.push(engine.close);
      upstreamVars = {
        FAL_KEY: 'local',
        FAL_QUEUE_URL: engine.url,
        FAL_JWKS_URL: engine.jwksUrl,
        FAL_DEDUPES: 'true',
        LOCAL_MODE: 'true',
      };
    } else {
      upstreamVars = upstream.vars;
    }

    onStep('starting the Worker');
    const url = `http://${host}:${port}`;
    const recordRuntime = () => dir.recordRuntime(url, port);
    const served = await serveWorker({
      dataDir: dir.path,
      port,
      host,
      vars: {
        ...upstreamVars,
        PUBLIC_URL: options.publicUrl ?? url,
        SIGNING_SECRETS: secrets.signing_secrets,
        ADMIN_TOKEN: secrets.admin_token,
        ...options.vars,
      },
      onRestart: recordRuntime,
      ...(options.crons === undefined ? {} : { crons: options.crons }),
      ...(onLog ? { onLog } : {}),
    });
    running.push(served.close);
    await recordRuntime();

    let closing: Promise<void> | undefined;
    return {
      url,
      dataDir: dir.path,
      adminToken: secrets.admin_token,
      engineUrl: engine?.url ?? null,
      tick: () => served.tick(),
      close() {
        closing ??= close();
        return closing;
      },
    };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

async function startEngineOn(
  dir: DataDir,
  servicePort: number,
  host: string,
  upstream: Extract<Upstream, { kind: 'engine' }>,
  onLog: LocalServiceOptions['onLog'],
): Promise<Engine> {
  // Loaded here because a service with another upstream does without it.
  const { startEngine } = await import('../../engine/index.ts');
  const { kind: _kind, ...engineOptions } = upstream;
  const port = await enginePort(dir.path, servicePort, host);
  try {
    return await startEngine({
      ...engineOptions,
      dataDir: join(dir.path, 'engine'),
      port,
      host,
      log: (entry) => onLog?.({ level: entry.level, message: JSON.stringify({ part: 'engine', ...entry }) }),
    });
  } catch (cause) {
    throw new CliError(`The engine does not start: ${messageOf(cause)}`, { cause });
  }
}
