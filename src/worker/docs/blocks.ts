/** What the sections of the docs are built of: blocks of code, and quantities in words. Pure. */

import { html } from 'hono/html';
import type { Html } from './layout.ts';
import { grouped } from './parameters.ts';

const BYTES_PER_MIB = 1_048_576;

/** A block of code. `copy`: one click or long press selects all of it. */
export function code(text: string, label: string, copy = true): Html {
  // A region that scrolls must be reachable by keyboard, and then it needs a name.
  return html`<pre${copy ? html` class="copy"` : ''} tabindex="0" role="region" aria-label="${label}"><code>${text}</code></pre>`;
}

/** A value as a block of JSON. */
export function json(value: unknown, label: string): Html {
  return code(JSON.stringify(value, null, 2), label, false);
}

/** 16_777_216 as "16 MiB". */
export function mebibytes(bytes: number): string {
  return bytes % BYTES_PER_MIB === 0 ? `${bytes / BYTES_PER_MIB} MiB` : `${grouped(bytes)} bytes`;
}

/** Seconds in the largest unit that divides them. */
export function span(seconds: number): string {
  for (const [unit, size] of [
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
  ] as const) {
    if (seconds >= size && seconds % size === 0)
      return `${seconds / size} ${unit}${seconds === size ? '' : 's'}`;
  }
  return `${seconds} second${seconds === 1 ? '' : 's'}`;
}
