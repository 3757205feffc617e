/** What an isolate remembers of work that always has the same result, bounded, so that nobody can fill it. */

/** The latest `limit` values by text, of each owner: they go when it goes. */
export class Remembered<Owner extends object, Value> {
  readonly #limit: number;
  readonly #values = new WeakMap<Owner, Map<string, Value>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(owner: Owner, text: string): Value | undefined {
    return this.#values.get(owner)?.get(text);
  }

  set(owner: Owner, text: string, value: Value): void {
    const known = this.#values.get(owner) ?? new Map<string, Value>();
    this.#values.set(owner, known);
    const oldest = known.size >= this.#limit ? known.keys().next().value : undefined;
    if (oldest !== undefined) known.delete(oldest);
    known.set(text, value);
  }
}
