/** The account that `npm start` makes, so that the first call works at once. */

import { AdminClient } from '../api/admin-client.ts';
import type { AccountSummary } from '../api/answers.ts';
import { Client } from '../api/client.ts';
import { ProblemError } from '../api/http.ts';
import { readLocalFile, writeLocalFile } from './local-file.ts';
import type { LocalService } from './service.ts';

/** Credits of the demo account: 344 videos of 6 s at 1080p. */
const DEMO_CREDITS = 10_000;
const DEMO_NAME = 'demo';
/** Account and grant are made once under it, so a start that was cut off goes on where it stopped. */
const REFERENCE = 'npm-start';

/** The demo account, ready for use. */
export interface LocalAccount {
  readonly account: AccountSummary;
  readonly apiKey: string;
  readonly webhookSecret: string;
  /** Whether this start made it. */
  readonly created: boolean;
}

/** Finds the demo account of a service or makes it, and writes its `local.json`. Repeatable. */
export async function ensureLocalAccount(
  service: Pick<LocalService, 'dataDir' | 'url' | 'adminToken'>,
  signal?: AbortSignal,
): Promise<LocalAccount> {
  const { dataDir, url, adminToken } = service;
  const kept = await readLocalFile(dataDir);
  const known = kept ? await accountOf(new Client(url, kept.api_key, signal)) : null;
  if (kept && known) {
    await writeLocalFile(dataDir, { ...kept, url, admin_token: adminToken });
    return { account: known, apiKey: kept.api_key, webhookSecret: kept.webhook_secret, created: false };
  }

  const admin = new AdminClient(url, adminToken, signal);
  const { id } = await admin.createAccount(DEMO_NAME, { reference: REFERENCE });
  await admin.grant(id, DEMO_CREDITS, REFERENCE);
  const { key } = await admin.createKey(id, 'npm start');
  const client = new Client(url, key, signal);
  const webhookSecret = await client.webhookSecret();
  await writeLocalFile(dataDir, {
    url,
    api_key: key,
    admin_token: adminToken,
    webhook_secret: webhookSecret,
  });
  return { account: await client.account(), apiKey: key, webhookSecret, created: true };
}

/** The account of a key; null when the key is not valid (any more). */
async function accountOf(client: Client): Promise<AccountSummary | null> {
  try {
    return await client.account();
  } catch (thrown) {
    if (thrown instanceof ProblemError && thrown.status === 401) return null;
    throw thrown;
  }
}
