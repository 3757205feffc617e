import { mkdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { createAdaptorServer, type ServerType } from '@hono/node-server';
import type { Engine, EngineOptions, StartEngine } from '../contract.ts';
import { createApp } from './app.ts';
import { Changes } from './changes.ts';
import { openDatabase } from './database.ts';
import { DeliveryStore } from './deliveries.ts';
import { VideoFiles } from './files.ts';
import { logToStderr } from './log.ts';
import { isLoopbackHost } from './loopback.ts';
import { RequestStore } from './requests.ts';
import { DEFAULT_RETENTION_MS, Retention } from './retention.ts';
import { Scheduler } from './scheduler.ts';
import { loadSigner } from './signing.ts';
import { WebhookSender } from './webhooks.ts';

const DEFAULT_HOST = '127.0.0.1';

/**
 * Starts the queue server on a data directory and takes up what the engine before it left there.
 *
 * @throws Error when the port is taken or another engine uses the directory.
 */
export const startEngine: StartEngine = async (options) => {
  const dataDir = resolve(options.dataDir);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 }); // The key for webhooks is in there.
  const database = openDatabase(dataDir);
  try {
    return await startOn(database, dataDir, options);
  } catch (error) {
    database.close();
    throw error;
  }
};

async function startOn(
  database: ReturnType<typeof openDatabase>,
  dataDir: string,
  options: EngineOptions,
): Promise<Engine> {
  const log = options.log ?? logToStderr;
  const host = options.host ?? DEFAULT_HOST;
  const startRender = options.startRender ?? (await import('../render/index.ts')).startRender;

  const requests = new RequestStore(database);
  const files = await VideoFiles.open(dataDir);
  const signer = loadSigner(database, Date.now());
  const resumed = requests.recover(Date.now());
  const swept = await files.sweep(requests.withFiles());

  const changes = new Changes();
  const closing = new AbortController();
  const address = { base: '' };
  const base = () => address.base;
  const webhooks = new WebhookSender({
    deliveries: new DeliveryStore(database),
    requests,
    signer,
    log,
    base,
  });
  const scheduler = new Scheduler({
    requests,
    files,
    changes,
    log,
    startRender,
    concurrency: options.concurrency ?? 1,
    onEnded: () => webhooks.wake(),
  });
  const retention = new Retention(requests, files, options.retentionMs ?? DEFAULT_RETENTION_MS, log);
  const app = createApp({
    requests,
    scheduler,
    files,
    changes,
    signer,
    log,
    base,
    closing: closing.signal,
    loopbackOnly: isLoopbackHost(urlHost(host)),
  });

  // The process that holds the engine keeps its own Request and Response.
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false });
  const port = await listen(server, options.port ?? 0, host);
  address.base = `http://${urlHost(reachable(host))}:${port}`;
  log({ level: 'info', event: 'engine_started', url: address.base, resumed, swept });
  scheduler.wake();
  webhooks.wake();
  retention.start();

  const close = async () => {
    closing.abort();
    const stopped = stopAccepting(server);
    await Promise.all([scheduler.close(), webhooks.close(), retention.close()]);
    if ('closeAllConnections' in server) server.closeAllConnections();
    await stopped;
    database.close();
    log({ level: 'info', event: 'engine_stopped' });
  };
  let closed: Promise<void> | undefined;
  return {
    url: address.base,
    jwksUrl: `${address.base}/.well-known/jwks.json`,
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

function listen(server: ServerType, port: number, host: string): Promise<number> {
  return new Promise((resolvePort, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolvePort((server.address() as AddressInfo).port);
    });
  });
}

/** Stops accepting and drops idle connections. Resolves when the others are gone too. */
function stopAccepting(server: ServerType): Promise<void> {
  return new Promise((done, reject) => {
    server.close((error) => (error ? reject(error) : done()));
    if ('closeIdleConnections' in server) server.closeIdleConnections();
  });
}

/** How a URL spells a host: an IPv6 address in brackets. */
function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** The address to call an engine at that listens on all of them. */
function reachable(host: string): string {
  return host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
}
