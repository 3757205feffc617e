/** The entry of `npm start`, `npm run demo`, `npm run animate` and `npm run admin`. */

import picocolors from 'picocolors';
import { CliError, messageOf } from './errors.ts';
import { program } from './program.ts';
import { processTerminal } from './terminal.ts';

/** What shells report for a process that Ctrl-C ended: 128 + SIGINT. */
const EXIT_INTERRUPTED = 130;

async function main(): Promise<void> {
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      // Asked twice: whoever asks does not want to wait for the clean-up.
      if (stopping.signal.aborted) process.exit(EXIT_INTERRUPTED);
      stopping.abort();
    });
  }
  try {
    await program(processTerminal(), stopping.signal).parseAsync();
  } catch (thrown) {
    if (stopping.signal.aborted) {
      process.exitCode = EXIT_INTERRUPTED;
      return;
    }
    report(thrown);
    process.exitCode = thrown instanceof CliError ? thrown.exitCode : 1;
  }
}

function report(thrown: unknown): void {
  process.stderr.write(`${picocolors.red('✗')} ${messageOf(thrown)}\n`);
  if (thrown instanceof CliError) {
    if (thrown.hint !== undefined) process.stderr.write(`  ${thrown.hint}\n`);
    return;
  }
  // Not foreseen, so a bug: the stack is what its report needs.
  if (thrown instanceof Error) process.stderr.write(`${picocolors.dim(thrown.stack ?? '')}\n`);
}

await main();
