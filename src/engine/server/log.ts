import type { EngineLogEntry } from '../contract.ts';

/** Takes one log entry. */
export type Log = (entry: EngineLogEntry) => void;

/** Writes an entry as one line of JSON, with its time, to stderr: stdout is for what a parent process reads. */
export const logToStderr: Log = (entry) => {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), ...entry })}\n`);
};

/** What an unknown thrown value says, for a log line. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
}
