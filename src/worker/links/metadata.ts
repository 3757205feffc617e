/** The `metadata` of a link: small, the caller's own, given back in answers and events. Pure. */

import * as z from 'zod';
import { utf8 } from '../bytes.ts';

const MAX_MEMBERS = 20;
/** In characters, as are values: by code points, as JSON Schema counts. */
const MAX_NAME_LENGTH = 40;
const MAX_VALUE_LENGTH = 500;
/** As JSON: it travels in every event, which has at most 20,000 bytes in all. */
const MAX_BYTES = 4_096;

/** A member, or the whole, that is wrong. */
interface Wrong {
  readonly path: string[];
  readonly message: string;
}

function wrongMember([name, value]: [string, unknown]): Wrong[] {
  const path = [name];
  const wrong: Wrong[] = [];
  // The one name that is no plain member of an object to every program that reads it.
  if (name === '__proto__') wrong.push({ path, message: 'is not a name that can be used' });
  if (name === '' || !fits(name, MAX_NAME_LENGTH)) {
    wrong.push({
      path: [shortened(name)],
      message: `must have a name of 1 to ${MAX_NAME_LENGTH} characters`,
    });
  }
  if (typeof value !== 'string') wrong.push({ path, message: 'must be a text' });
  else if (!fits(value, MAX_VALUE_LENGTH)) {
    wrong.push({ path, message: `may have at most ${MAX_VALUE_LENGTH} characters` });
  }
  return wrong;
}

/** All that is wrong with a value as metadata. */
function wrongOf(value: unknown): Wrong[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [{ path: [], message: 'must be a JSON object of texts' }];
  }
  const members = Object.entries(value);
  if (members.length > MAX_MEMBERS) return [{ path: [], message: `may have at most ${MAX_MEMBERS} members` }];
  const wrong = members.flatMap(wrongMember);
  if (wrong.length === 0 && utf8(JSON.stringify(value)).length > MAX_BYTES) {
    return [{ path: [], message: `may have at most ${MAX_BYTES} bytes as JSON` }];
  }
  return wrong;
}

/** Whether `text` has at most `limit` characters. A code point is one or two units, so most texts need no counting. */
function fits(text: string, limit: number): boolean {
  return text.length <= limit || (text.length <= 2 * limit && [...text].length <= limit);
}

/** A name in an error: a body of nothing but a name must not make an answer as large. */
function shortened(name: string): string {
  return name.length > 100 ? `${name.slice(0, 100)}…` : name;
}

/** Not a record of zod's: it would drop a member called `__proto__` without a word. */
export const metadata = z
  .unknown()
  .superRefine((value, context) => {
    for (const { path, message } of wrongOf(value)) context.addIssue({ code: 'custom', path, message });
  })
  .meta({
    description: `Texts of yours, given back with the link, its job and its events. At most ${MAX_MEMBERS}, names of up to ${MAX_NAME_LENGTH} and values of up to ${MAX_VALUE_LENGTH} characters, ${MAX_BYTES} bytes in all.`,
    type: 'object',
    maxProperties: MAX_MEMBERS,
    propertyNames: { minLength: 1, maxLength: MAX_NAME_LENGTH },
    additionalProperties: { type: 'string', maxLength: MAX_VALUE_LENGTH },
    example: { order: '4711' },
  });
