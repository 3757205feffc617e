/** Who waits for a job's end: one promise a job, however many wait. No timer and no polling: callers bound their own wait. */
export class Waiters {
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();

  /** Resolves when the job ends. Ask only for a job that is open. */
  end(jobId: string): Promise<void> {
    let waiter = this.#waiting.get(jobId);
    if (!waiter) {
      waiter = Promise.withResolvers<void>();
      this.#waiting.set(jobId, waiter);
    }
    return waiter.promise;
  }

  /** The job has ended. */
  release(jobId: string): void {
    this.#waiting.get(jobId)?.resolve();
    this.#waiting.delete(jobId);
  }
}
