/** A failure that the person at the terminal can do something about. */

/** Printed as one sentence and a hint, without a stack; the process ends with `exitCode`. */
export class CliError extends Error {
  override readonly name = 'CliError';
  /** What to do about it, where there is something to do. */
  readonly hint: string | undefined;
  readonly exitCode: number;
  constructor(message: string, options: { hint?: string; exitCode?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** The one-line text of anything thrown. */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  // `fetch failed` alone says nothing: the cause holds the address and the reason.
  const cause = thrown.cause instanceof Error ? thrown.cause : null;
  const causeText = cause ? cause.message || ('code' in cause ? String(cause.code) : '') : '';
  return causeText === '' || thrown.message.includes(causeText)
    ? thrown.message
    : `${thrown.message} (${causeText})`;
}
