/** Looks at the link until nothing more will happen to it. */

import type { PublicLink } from '../link.ts';
import { type ShownProblem, shownOf } from '../state.ts';
import { problemOf } from './send.ts';

/** The link as it is now, or why it cannot be told. */
export type Look =
  | { readonly kind: 'link'; readonly link: PublicLink }
  /** The link answers, and it is over. */
  | { readonly kind: 'closed'; readonly problem: ShownProblem }
  /** No answer, or one that says to come back. `after`: seconds. */
  | { readonly kind: 'unreached'; readonly after: number };

const FIRST_MS = 2_000;
const SLOWER = 1.25;
const SLOWEST_MS = 15_000;
/** An answer that takes so long, in ms, is given up: a line that changed networks may never say that it is dead. */
const LOOK_MS = 20_000;

/** Asks for the link once. */
export async function look(): Promise<Look> {
  // Not AbortSignal.timeout: phones that get no newer system have none.
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), LOOK_MS);
  try {
    const answer = await fetch(location.pathname, {
      headers: { Accept: 'application/json' },
      cache: 'no-store',
      signal: patience.signal,
    });
    const text = await answer.text();
    if (answer.ok) return { kind: 'link', link: JSON.parse(text) as PublicLink };
    const after = Number(answer.headers.get('Retry-After') ?? 0);
    if (answer.status === 429 || answer.status >= 500) return { kind: 'unreached', after };
    const { code = 'not_found', detail = '', limit } = problemOf(text);
    return { kind: 'closed', problem: { code, detail, limit } };
  } catch {
    // Offline, or an answer of something in between.
    return { kind: 'unreached', after: 0 };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Looks every two seconds at first, then ever more rarely, and at once when the page is looked at again. `onLook` gets
 * every answer, `first` among them where one is at hand already. Ends when nothing will change any more.
 */
export async function watch(onLook: (seen: Look) => void, first?: Look): Promise<void> {
  let seen = first ?? (await look());
  for (let pause = FIRST_MS; ; pause = Math.min(pause * SLOWER, SLOWEST_MS)) {
    onLook(seen);
    if (seen.kind === 'closed') return;
    if (seen.kind === 'link' && shownOf(seen.link).lookAgain === null) return;
    const least = seen.kind === 'unreached' ? seen.after * 1_000 : 0;
    await waited(Math.max(pause, least));
    seen = await look();
  }
}

/** Waits so many ms, or until the page is looked at again. */
export function waited(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', back);
      resolve();
    };
    const back = () => {
      if (document.visibilityState === 'visible') end();
    };
    const timer = setTimeout(end, ms);
    document.addEventListener('visibilitychange', back);
  });
}
