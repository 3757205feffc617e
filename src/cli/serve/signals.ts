/** Who ends the process on Ctrl-C: the command, which cleans up, and not a library that exits on the spot. */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs `work` and takes away the listeners for ending signals that it adds, where somebody handles the signal already.
 * Miniflare adds listeners that call `process.exit`, which would cut our own clean-up off. Where nobody handles a
 * signal they stay: they then keep workerd from being left behind.
 */
export function keepingOwnSignals<T>(work: () => T): T {
  const before = SIGNALS.map((signal) => ({ signal, listeners: process.listeners(signal) }));
  const result = work();
  for (const { signal, listeners } of before) {
    if (listeners.length === 0) continue;
    for (const listener of process.listeners(signal)) {
      if (!listeners.includes(listener)) process.removeListener(signal, listener);
    }
  }
  return result;
}
