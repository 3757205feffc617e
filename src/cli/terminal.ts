/** What the commands print, for a terminal and for a log alike. */

import Table from 'cli-table3';
import picocolors from 'picocolors';

/** Where a command's words go. */
export interface Terminal {
  /** Whether lines may be redrawn in place. */
  readonly interactive: boolean;
  /** One line. */
  say(line?: string): void;
  /** One line about something that is done, with how long it took. */
  done(text: string, ms?: number): void;
  /** One line about something that is not as it should be. */
  warn(text: string): void;
}

/** The process's own standard output. */
export function processTerminal(stream: NodeJS.WriteStream = process.stdout): Terminal {
  const say = (line = '') => void stream.write(`${line}\n`);
  return {
    interactive: stream.isTTY === true && process.env.CI === undefined && process.env.TERM !== 'dumb',
    say,
    done: (text, ms) =>
      say(`${picocolors.green('✓')} ${text}${ms === undefined ? '' : picocolors.dim(`  ${seconds(ms)}`)}`),
    warn: (text) => say(`${picocolors.yellow('!')} ${text}`),
  };
}

/** Milliseconds as seconds with one decimal. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Bytes as kB or MB, as a person reads them. */
export function size(bytes: number): string {
  return bytes < 1_000_000
    ? `${Math.max(1, Math.round(bytes / 1000))} kB`
    : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** Dollars to the tenth of a cent, which is what prices come in. */
export function dollars(usd: number): string {
  return `$${usd.toFixed(3)}`;
}

/** A whole number with thousands separated. */
export function whole(value: number): string {
  return value.toLocaleString('en-US');
}

/** A table with a frame and no lines between its rows. */
export function framedTable(head: string[] = []): InstanceType<typeof Table> {
  return new Table({
    head,
    chars: head.length > 0 ? {} : { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    style: { head: [], border: [] },
  });
}
