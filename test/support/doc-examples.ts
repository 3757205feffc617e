/** The named examples of a page of docs/: fenced blocks with a language and a name behind it. */

import { readFile } from 'node:fs/promises';

/** One example. */
export interface DocExample {
  readonly language: string;
  readonly code: string;
}

const FENCE = /^```(\w+) ([\w.-]+)\n([\s\S]*?)^```$/gm;

/** The examples of a page, by language and name (`sh make`), with each text on the left replaced by the one on the right. */
export async function docExamples(
  path: string,
  replaced: Readonly<Record<string, string>> = {},
): Promise<(key: string) => string> {
  const page = await readFile(path, 'utf8');
  const examples = new Map<string, string>();
  for (const [, language, name, code] of page.matchAll(FENCE)) {
    const key = `${language} ${name}`;
    if (examples.has(key)) throw new TypeError(`${path} has two examples "${key}"`);
    let text = String(code);
    for (const [from, to] of Object.entries(replaced)) text = text.replaceAll(from, to);
    examples.set(key, text);
  }
  return (key) => {
    const code = examples.get(key);
    if (code === undefined) throw new TypeError(`${path} has no example "${key}"`);
    return code;
  };
}
