/** The real service for end-to-end tests: the Worker in Miniflare, the engine or another upstream, an account. */

import { randomUUID } from 'node:crypto';
import { AdminClient } from '../../src/cli/api/admin-client.ts';
import { Client } from '../../src/cli/api/client.ts';
import { startLocalService, type Upstream } from '../../src/cli/local/service.ts';
import type { LogEntry } from '../../src/cli/serve/log.ts';
import { temporaryDir } from './dirs.ts';
import { lastingPort } from './ports.ts';

export interface ServiceOptions {
  /** State of an earlier service. Left alone when the service closes; a temporary one, the default, is removed. */
  readonly dataDir?: string;
  /** Default: any free one. */
  readonly port?: number;
  /** Default: the real engine. */
  readonly upstream?: Upstream;
  /** Variables of the Worker. */
  readonly vars?: Readonly<Record<string, unknown>>;
  /** Credits of the account. Default 10,000. */
  readonly credits?: number;
  /** The account's home; default where the service says. */
  readonly region?: string;
  /** Real crons. Default false: call `tick`. */
  readonly crons?: boolean;
}

/** A running service with one account. */
export interface TestService {
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  readonly engineUrl: string | null;
  readonly adminToken: string;
  readonly admin: AdminClient;
  readonly accountId: string;
  readonly apiKey: string;
  readonly client: Client;
  /** Every line that Worker, runtime and engine have logged. */
  readonly logs: readonly LogEntry[];
  /** One more account. */
  account(options?: { credits?: number; region?: string; name?: string }): Promise<TestAccount>;
  /** The cron's work, now. */
  tick(): Promise<void>;
  close(): Promise<void>;
}

/** An account with a key. */
export interface TestAccount {
  readonly accountId: string;
  readonly apiKey: string;
  readonly client: Client;
}

/** Starts the service. Whoever starts it closes it. */
export async function startService(options: ServiceOptions = {}): Promise<TestService> {
  const temporary = options.dataDir === undefined ? await temporaryDir() : null;
  const port = options.port ?? (await lastingPort());
  const logs: LogEntry[] = [];
  const service = await startLocalService({
    dataDir: temporary?.path ?? (options.dataDir as string),
    port,
    upstream: options.upstream ?? { kind: 'engine' },
    crons: options.crons ?? false,
    onLog: (entry) => logs.push(entry),
    ...(options.vars ? { vars: options.vars } : {}),
  });
  const admin = new AdminClient(service.url, service.adminToken);
  const account: TestService['account'] = async ({ credits = 10_000, region, name = 'test' } = {}) => {
    const { id } = await admin.createAccount(name, region === undefined ? {} : { region });
    if (credits > 0) await admin.grant(id, credits, randomUUID());
    const { key } = await admin.createKey(id, 'test');
    return { accountId: id, apiKey: key, client: new Client(service.url, key) };
  };
  const close = async () => {
    await service.close();
    await temporary?.remove();
  };
  try {
    const first = await account({
      ...(options.credits === undefined ? {} : { credits: options.credits }),
      ...(options.region === undefined ? {} : { region: options.region }),
    });
    return {
      ...first,
      url: service.url,
      port,
      dataDir: service.dataDir,
      engineUrl: service.engineUrl,
      adminToken: service.adminToken,
      admin,
      logs,
      account,
      async tick() {
        const { outcome } = await service.tick();
        if (outcome !== 'ok') throw new Error(`the cron run ended as "${outcome}"`);
      },
      close,
    };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

/** The variables that send the Worker to another upstream, such as a scripted one on `url`. */
export function upstreamAt(url: string, options: { dedupes?: boolean; jwksUrl?: string } = {}): Upstream {
  return {
    kind: 'remote',
    vars: {
      FAL_KEY: 'test-key',
      FAL_QUEUE_URL: url,
      FAL_JWKS_URL: options.jwksUrl ?? `${url}/.well-known/jwks.json`,
      FAL_DEDUPES: String(options.dedupes ?? false),
      LOCAL_MODE: 'true',
    },
  };
}
