/** `npm start`: the whole service on this machine, until Ctrl-C. */

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import picocolors from 'picocolors';
import { SAMPLE_IMAGE } from '../animate/image.ts';
import { MODEL } from '../animate/options.ts';
import { Client } from '../api/client.ts';
import { CliError } from '../errors.ts';
import { ensureLocalAccount, type LocalAccount } from '../local/account.ts';
import { DEFAULT_DATA_DIR } from '../local/local-file.ts';
import { startLocalService, type Upstream } from '../local/service.ts';
import { logLine } from '../serve/log.ts';
import { type Terminal, whole } from '../terminal.ts';

const DEFAULT_PORT = 8787;

interface StartOptions {
  readonly port: number;
  readonly data: string;
  readonly upstream: 'local' | 'fal';
  readonly publicUrl?: string;
  readonly verbose?: boolean;
}

/** Adds the command to the program. */
export function addStart(program: Command, terminal: Terminal, signal: AbortSignal): void {
  program
    .command('start')
    .description('run the service on this machine')
    .addOption(new Option('--port <n>', 'where it answers').argParser(parsePort).default(DEFAULT_PORT))
    .option('--data <dir>', 'where its state is kept', DEFAULT_DATA_DIR)
    .addOption(
      new Option(
        '--upstream <name>',
        'who makes the videos: the engine on this machine, or fal (needs FAL_KEY)',
      )
        .choices(['local', 'fal'])
        .default('local'),
    )
    .option('--public-url <url>', 'where the world reaches this service, such as a tunnel; required with fal')
    .option('--verbose', 'show the logs, as JSON lines on standard error')
    .action((options: StartOptions) => start(options, terminal, signal));
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535)
    throw new InvalidArgumentError('It must be 1 to 65535.');
  return port;
}

async function start(options: StartOptions, terminal: Terminal, signal: AbortSignal): Promise<void> {
  const began = performance.now();
  const upstream = upstreamOf(options, process.env);
  if (options.upstream === 'local' && process.env.FAL_KEY) {
    terminal.warn('FAL_KEY is set and not used: videos are made on this machine. See --upstream fal.');
  }
  const service = await startLocalService({
    dataDir: options.data,
    port: options.port,
    upstream,
    ...(options.publicUrl === undefined ? {} : { publicUrl: options.publicUrl }),
    onStep: (text) => terminal.say(`  ${text}`),
    ...(options.verbose
      ? { onLog: (entry) => void process.stderr.write(`${logLine(entry, new Date())}\n`) }
      : {}),
  });
  try {
    const account = await ensureLocalAccount(service, signal);
    const client = new Client(service.url, account.apiKey, signal);
    const sample = await client.upload(new Uint8Array(await readFile(SAMPLE_IMAGE)), 'image/jpeg');
    terminal.done(
      account.created ? 'made a demo account with its key' : 'found the demo account',
      performance.now() - began,
    );
    for (const line of welcome(service.url, options.data, account, sample.image_url)) terminal.say(line);
    if (!signal.aborted) await once(signal, 'abort');
    terminal.say('\n  stopping');
  } finally {
    await service.close();
  }
  terminal.done('stopped');
}

/**
 * Who makes the videos.
 * @throws {CliError} when fal is wanted and something that it needs is missing.
 */
export function upstreamOf(
  options: Pick<StartOptions, 'upstream' | 'publicUrl'>,
  environment: Readonly<Record<string, string | undefined>>,
): Upstream {
  if (options.upstream === 'local') return { kind: 'engine' };
  const key = environment.FAL_KEY;
  if (!key) throw new CliError('fal needs a key.', { hint: 'Set FAL_KEY in the environment.' });
  if (options.publicUrl === undefined) {
    throw new CliError('fal must be able to reach this service, for uploaded images and for its callbacks.', {
      hint: 'Open a tunnel to this port and pass its address with --public-url https://…',
    });
  }
  // Not in local mode: through the tunnel the world can call, and must not reach this machine's own services.
  return { kind: 'remote', vars: { FAL_KEY: key, FAL_DEDUPES: 'false', LOCAL_MODE: 'false' } };
}

/** What a newcomer needs: where to go, with which key, and a call that works when it is pasted. */
function welcome(
  url: string,
  dataDir: string,
  { account, apiKey }: LocalAccount,
  imageUrl: string,
): string[] {
  const bold = picocolors.bold;
  const body = { prompt: 'The camera slowly pushes in; mist drifts over the lake', image_url: imageUrl };
  return [
    '',
    `${bold('Firstframe')} answers at ${picocolors.cyan(url)}  (docs: ${url}/docs)`,
    '',
    `  credits  ${whole(account.credits.available)} available, ${whole(account.credits.held)} held`,
    `  key      ${apiKey}`,
    `  more     ${dataDir}/local.json`,
    '',
    bold('Make a video from a bundled picture:'),
    '',
    `curl ${url}/api/${MODEL.id} \\`,
    `  -H 'Authorization: Bearer ${apiKey}' \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d '${JSON.stringify(body)}'`,
    '',
    `or from one of yours:  ${bold('npm run animate -- photo.jpg --prompt "waves roll in"')}`,
    '',
    picocolors.dim('Ctrl-C stops everything; the next start goes on with the same data.'),
  ];
}
