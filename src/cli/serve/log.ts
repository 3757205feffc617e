/** What the Worker and its runtime log, as objects, and those as JSON lines. */

import type { V4MiniflareOptions } from 'miniflare';

/** One log line. */
export interface LogEntry {
  readonly level: string;
  readonly message: string;
}

/** One JSON line. A message that is JSON itself is taken apart, so that its fields can be searched for. */
export function logLine(entry: LogEntry, at: Date): string {
  const head = { time: at.toISOString(), level: entry.level };
  const text = entry.message.trim();
  if (text.startsWith('{')) {
    try {
      return JSON.stringify({ ...head, ...(JSON.parse(text) as Record<string, unknown>) });
    } catch {
      // An object as `console.log` prints it, or any text that begins with a bracket.
    }
  }
  return JSON.stringify({ ...head, message: text.replace(/\s*\n\s*/g, ' ') });
}

/** Miniflare's options that send everything it and the Worker log to `onLog` and nothing to the terminal. */
export async function runtimeLog(
  onLog: (entry: LogEntry) => void,
): Promise<Pick<V4MiniflareOptions, 'log' | 'handleStructuredLogs' | 'handleUncaughtError'>> {
  const { Log, LogLevel } = await import('miniflare');
  class ForwardingLog extends Log {
    override logWithLevel(level: number, message: string): void {
      if (level <= LogLevel.WARN) onLog({ level: LogLevel[level]?.toLowerCase() ?? 'info', message });
    }
    override logReady(): void {}
  }
  return {
    log: new ForwardingLog(LogLevel.WARN),
    handleStructuredLogs: ({ level, message }) => onLog({ level, message }),
    // A rejected promise without a stack on the wire: the message is all there is.
    handleUncaughtError: (thrown) => onLog({ level: 'error', message: thrown.message }),
  };
}
