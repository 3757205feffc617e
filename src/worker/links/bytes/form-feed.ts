/** multipasta, kept from what it stumbles over. */

import { make, type PartInfo } from 'multipasta';

/** What a part is, by its own headers. */
export interface PartHeader {
  /** The field. */
  readonly name: string;
  /** Null where the part has no file; empty where an input was left empty. */
  readonly filename: string | null;
  /** Of a file without one: `application/octet-stream`. */
  readonly contentType: string;
}

export interface FormHandlers {
  /** A part with a file begins; the handler that it answers gets the file's bytes. */
  readonly onFile: (header: PartHeader) => (bytes: Uint8Array) => void;
  /** `limit`: too many parts, or too large a field. */
  readonly onError: (kind: 'broken' | 'limit') => void;
  /** The closing delimiter has come. */
  readonly onDone: () => void;
}

export interface FormFeed {
  /** Takes bytes; what it finds is handed on before it returns, in memory that stays as it is. */
  write(chunk: Uint8Array): void;
  end(): void;
}

const DASH = 0x2d;
/** RFC 2046 §5.1.1, quoted or bare. The parser would never come back from a boundary of 252 characters. */
const BOUNDARY =
  /^multipart\/form-data *;(?:[^"]*;)? *boundary=(?:"([\w'()+,./:=? -]{0,69}[\w'()+,./:=?-])"|([\w'()+,./:=?-]{1,70})) *(?:;|$)/i;
/**
 * RFC 2183 §2: a parameter of Content-Disposition, quoted or bare. Browsers mean a backslash as it stands, older tools
 * escape a quote with it.
 */
const PARAMETER = /[ \t]*;[ \t]*([\w*.-]+)[ \t]*=[ \t]*(?:"((?:\\"|[^"])*)"|([^\s;"]+))/gy;
/** RFC 8187: an encoding and a language before the text. */
const EXTENDED = /^[^']*'[^']*'/;
const NO_TYPE = 'application/octet-stream';
/** A boundary and what may stand before its end in a chunk. */
const MAX_HELD = 80;

/** A parser for a form of this type; null when the type has no boundary. */
export function formFeed(
  contentType: string,
  maxParts: number,
  maxFieldBytes: number,
  on: FormHandlers,
): FormFeed | null {
  const [, quoted, bare] = BOUNDARY.exec(contentType) ?? [];
  const boundary = quoted ?? bare;
  if (boundary === undefined) return null;
  const parser = make({
    headers: { 'content-type': `multipart/form-data; boundary="${boundary}"` },
    maxParts,
    maxFieldSize: maxFieldBytes,
    isFile: (info) => headerOf(info).filename !== null,
    onField: () => undefined,
    onFile: (info) => {
      const take = on.onFile(headerOf(info));
      return (bytes) => {
        if (bytes !== null && bytes.byteLength > 0) take(bytes);
      };
    },
    onError: ({ _tag }) => on.onError(_tag === 'ReachedLimit' ? 'limit' : 'broken'),
    onDone: on.onDone,
  });
  let held = new Uint8Array(0);
  return {
    write(chunk) {
      const bytes = new Uint8Array(held.byteLength + chunk.byteLength);
      bytes.set(held);
      bytes.set(chunk, held.byteLength);
      // A closing delimiter that is cut between its two last dashes is not known by the parser.
      const dashes = dashesAtEnd(bytes);
      const whole = dashes > MAX_HELD ? bytes.byteLength : bytes.byteLength - dashes;
      held = bytes.slice(whole);
      if (whole > 0) parser.write(bytes.subarray(0, whole));
    },
    end() {
      if (held.byteLength > 0) parser.write(held);
      parser.end();
    },
  };
}

function dashesAtEnd(bytes: Uint8Array): number {
  let at = bytes.byteLength;
  while (at > 0 && bytes[at - 1] === DASH) at--;
  return bytes.byteLength - at;
}

/** Read from the header itself: the parser gives up on names beyond Latin-1, which browsers send as they are. */
function headerOf({ headers, contentType }: PartInfo): PartHeader {
  const parameters = parametersOf(String(headers['content-disposition'] ?? ''));
  return {
    name: parameters.get('name') ?? '',
    filename: parameters.get('filename') ?? parameters.get('filename*')?.replace(EXTENDED, '') ?? null,
    contentType: headers['content-type'] === undefined ? NO_TYPE : contentType,
  };
}

/** The parameters of a header, by their lower-case names; the first of each, up to whatever is none. */
function parametersOf(header: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  const start = header.indexOf(';');
  if (start === -1) return parameters;
  for (const [, name = '', quoted, bare = ''] of header.slice(start).matchAll(PARAMETER)) {
    const key = name.toLowerCase();
    if (!parameters.has(key)) parameters.set(key, quoted ?? bare);
  }
  return parameters;
}
