/**
 * Tells those who watch the queue that something in it has changed. It does not say what: a watcher reads the request
 * that it cares about, so no change can be missed by being told in the wrong order.
 */
export class Changes {
  readonly #watchers = new Set<() => void>();

  /** Calls `watcher` at each change until the returned function is called. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Says that something has changed. */
  notify(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** How many are watching. */
  get watchers(): number {
    return this.#watchers.size;
  }
}
