/** Full counts run in `npm run soak`; `npm test` runs the same tests smaller. */

/** Whether this is a soak run. Inside workerd, `process.env` holds the bindings, and the test's configuration binds it. */
export const SOAK = process.env.SOAK === '1';

/** The full count, or list, in a soak run, else the small one. */
export function soakOr<T extends number | readonly number[]>(full: T, small: T): T {
  return SOAK ? full : small;
}
