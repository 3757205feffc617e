/** `npm run admin`: what an operator does, against the local service or any deployment. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import { REGIONS } from '../../worker/region.ts';
import { AdminClient, type SecretsInUse } from '../api/admin-client.ts';
import type { AccountSummary } from '../api/answers.ts';
import { CliError } from '../errors.ts';
import { operatorAccess } from '../local/access.ts';
import { DEFAULT_DATA_DIR } from '../local/local-file.ts';
import { framedTable, type Terminal, whole } from '../terminal.ts';
import { addPrices } from './prices.ts';

/** Adds the command and its subcommands to the program. */
export function addAdmin(program: Command, terminal: Terminal): void {
  const admin = program
    .command('admin')
    .description('accounts, keys, credits, prices and secrets')
    .option(
      '--url <url>',
      'the service (or FIRSTFRAME_URL, with ADMIN_TOKEN; default: the one that npm start runs)',
    )
    .option('--data <dir>', 'the data directory of npm start', DEFAULT_DATA_DIR);
  const client = async () => {
    const { url, key } = await operatorAccess(admin.opts<{ url?: string; data: string }>(), process.env);
    return new AdminClient(url, key);
  };
  addAccounts(admin, client, terminal);
  addKeys(admin, client, terminal);

  admin
    .command('credits')
    .description('credits of an account')
    .command('grant')
    .argument('<account>')
    .argument('<credits>', 'how many; one is a US cent', wholeNumber)
    .description('give credits; repeating it with the same reference grants nothing more')
    .requiredOption(
      '--reference <text>',
      'what the grant is for, such as an invoice number; unique in the account',
    )
    .action(async (account: string, credits: number, options: { reference: string }) => {
      const service = await client();
      const { repeated } = await service.grant(account, credits, options.reference);
      if (repeated) terminal.warn(`"${options.reference}" had been granted before: nothing was added`);
      else terminal.done(`${whole(credits)} credits granted under "${options.reference}"`);
      showAccount(terminal, await service.account(account));
    });

  addSecrets(admin, client, terminal);
  addPrices(admin, terminal);
}

function addSecrets(admin: Command, client: () => Promise<AdminClient>, terminal: Terminal): void {
  const secrets = admin
    .command('secrets')
    .description('which entries of SIGNING_SECRETS are in use, and when one may be dropped')
    .action(async () => showSecrets(terminal, await (await client()).secrets()));
  secrets
    .command('renew')
    .description('encrypt all webhook secrets under the entry that signs now; safe to repeat')
    .action(async () => {
      const { renewed, unreadable, pending_shards: pending } = await (await client()).renewSecrets();
      terminal.done(`the webhook secrets of ${whole(renewed)} accounts are under the entry that signs`);
      if (pending.length > 0) terminal.warn(`still to hear of it, within minutes: ${pending.join(', ')}`);
      if (unreadable.length === 0) return;
      throw new CliError(`The webhook secrets of ${unreadable.join(', ')} cannot be decrypted.`, {
        hint: 'An entry of SIGNING_SECRETS was dropped too early: put it back, and renew again.',
      });
    });
}

function addAccounts(admin: Command, client: () => Promise<AdminClient>, terminal: Terminal): void {
  const accounts = admin.command('accounts').description('customers');
  accounts
    .command('create <name>')
    .description('a new account, without credits')
    .addOption(new Option('--region <region>', 'its home (default: where you call from)').choices(REGIONS))
    .option('--reference <text>', 'makes it safe to repeat: the same reference is the same account')
    .action(async (name: string, options: { region?: string; reference?: string }) => {
      const account = await (await client()).createAccount(name, options);
      terminal.done(`account ${account.id} (${account.name})`);
      terminal.say(`  next: npm run admin -- credits grant ${account.id} 1000 --reference first`);
      terminal.say(`        npm run admin -- keys create ${account.id} main`);
    });
  accounts
    .command('show <account>')
    .description('name and credits')
    .action(async (id: string) => showAccount(terminal, await (await client()).account(id)));
}

function addKeys(admin: Command, client: () => Promise<AdminClient>, terminal: Terminal): void {
  const keys = admin.command('keys').description('API keys');
  keys
    .command('create <account> <name>')
    .description('a new key; it is shown once and kept nowhere')
    .action(async (account: string, name: string) => {
      const key = await (await client()).createKey(account, name);
      terminal.done(`key ${key.id} (${key.name})`);
      terminal.say(key.key);
    });
  keys
    .command('revoke <account> <key_id>')
    .description('end a key')
    .action(async (account: string, keyId: string) => {
      const pending = await (await client()).revokeKey(account, keyId);
      terminal.done(`key ${keyId} is revoked`);
      if (pending.length > 0) terminal.warn(`still to hear of it, within minutes: ${pending.join(', ')}`);
    });
}

function showAccount(terminal: Terminal, { id, name, credits }: AccountSummary): void {
  const table = framedTable();
  table.push(
    ['account', `${id} (${name})`],
    ['available', whole(credits.available)],
    ['held', whole(credits.held)],
    ['charged so far', whole(credits.captured)],
  );
  terminal.say(table.toString());
}

function showSecrets(terminal: Terminal, { ring, accounts, keys, ciphertexts }: SecretsInUse): void {
  const table = framedTable(['secret', 'keys', 'ciphertexts', '']);
  const ids = [...new Set([...ring, ...Object.keys(keys), ...Object.keys(ciphertexts)])];
  for (const id of ids) {
    const uses = (keys[id] ?? 0) + (ciphertexts[id] ?? 0);
    let verdict = 'in use';
    if (!ring.includes(id)) verdict = 'needed, and missing from SIGNING_SECRETS';
    else if (id === ring[0]) verdict = 'signs';
    else if (uses === 0) verdict = 'not used by what is counted: see below';
    table.push([id, whole(keys[id] ?? 0), whole(ciphertexts[id] ?? 0), verdict]);
  }
  terminal.say(`${whole(accounts)} accounts`);
  terminal.say(table.toString());
  if (ring.length > 1) for (const line of WHEN_TO_DROP) terminal.say(line);
}

/** What the counts do not show. */
const WHEN_TO_DROP = [
  'An entry that nothing counted uses may be dropped, and not before RESULT_RETENTION_DAYS after it stopped',
  'signing: job ids and links made under it are unknown afterwards. "npm run admin -- secrets renew" moves the',
  'ciphertexts; keys are moved by giving out new ones and revoking the old.',
] as const;

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError('Credits must be a whole number of at least 1.');
  }
  return value;
}
