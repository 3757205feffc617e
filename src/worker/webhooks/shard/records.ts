/** Stored JSON of deliveries, as zod schemas: what is read back from a database is checked like any other input. */

import * as z from 'zod';
import { ATTEMPT_ERRORS } from '../attempt-error.ts';

/** One try of a delivery, as it is logged. */
const LoggedAttempt = z.object({
  at: z.number(),
  status_code: z.number().nullable(),
  duration_ms: z.number(),
  error: z.enum(ATTEMPT_ERRORS).nullable(),
  /** Tries logged by an earlier release have none. */
  response: z.string().nullable().default(null),
  manual: z.boolean().default(false),
});
export type LoggedAttempt = z.infer<typeof LoggedAttempt>;

/** The log of a delivery's tries from its column. */
export function readAttempts(text: string): LoggedAttempt[] {
  return z.array(LoggedAttempt).parse(JSON.parse(text));
}
