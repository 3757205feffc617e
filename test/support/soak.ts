/** Full counts run in `npm run soak`; `npm test` runs the same tests smaller. */

/** Whether this is a soak run. Inside workerd, `process.env` holds the bindings, and the test's configuration binds it. */
export const SOAK = process.env.SOAK === '1';

/** The full count in a soak run, else the small one. */
export function soakOr(full: number, small: number): number {
  return SOAK ? full : small;
}
