/** Why a try did not deliver, as far as the runtime tells. Pure. */

/**
 * Stable: shown in the log of attempts.
 * `timeout` no whole answer in time · `redirect` a 3xx, which is not followed · `refused`, `dns`, `tls` no connection, for
 * that reason, `dns` also when the name has no address · `address` we do not send there · `resolver` our own resolver
 * could not be asked, which is no fault of the receiver · `signature` we could not sign · `event` we could not make the
 * event, and never can · `network` any other loss of the connection.
 */
export const ATTEMPT_ERRORS = [
  'timeout',
  'redirect',
  'refused',
  'dns',
  'tls',
  'address',
  'resolver',
  'signature',
  'event',
  'network',
] as const;
export type AttemptError = (typeof ATTEMPT_ERRORS)[number];

/**
 * What Cloudflare answers in the receiver's place when it cannot reach it:
 * https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/
 */
const CLOUDFLARE_STATUS: Readonly<Record<number, AttemptError>> = {
  521: 'refused',
  522: 'timeout',
  523: 'network',
  524: 'timeout',
  525: 'tls',
  526: 'tls',
  530: 'dns',
};

/** What a status means beyond itself: null for the receiver's own answers, good and bad. */
export function errorOfStatus(status: number): AttemptError | null {
  if (status >= 300 && status < 400) return 'redirect';
  return CLOUDFLARE_STATUS[status] ?? null;
}

/** workerd and Node name causes in their messages only; what they leave unsaid ("internal error") is `network`. */
const CAUSES: readonly (readonly [RegExp, AttemptError])[] = [
  [/refused/i, 'refused'],
  [/\bdns\b|lookup|enotfound|eai_again|name or service/i, 'dns'],
  [/\btls\b|\bssl\b|certificate|handshake/i, 'tls'],
  [/timed? ?out|etimedout/i, 'timeout'],
];

/** How many causes of causes are read. Bounded, because a chain may lead back to its start. */
const MAX_CAUSES = 4;

function textOf(thrown: unknown): string {
  let text = '';
  let cause = thrown;
  for (let depth = 0; depth < MAX_CAUSES && cause instanceof Error; depth++) {
    text += ` ${cause.name} ${'code' in cause ? String(cause.code) : ''} ${cause.message}`;
    cause = cause.cause;
  }
  return text;
}

/** The class of what `fetch` threw. `signal` is the one that bounds the try: its abort is a time-out. */
export function errorOfException(cause: unknown, signal: AbortSignal): AttemptError {
  if (signal.aborted) return 'timeout';
  const text = textOf(cause);
  return CAUSES.find(([pattern]) => pattern.test(text))?.[1] ?? 'network';
}
