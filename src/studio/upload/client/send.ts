/** One try to send a picture: a PUT of the file as it is. XMLHttpRequest, since fetch tells no progress. */

import type { PublicLink } from '../link.ts';

/** What became of the try. */
export type Sent =
  | { readonly kind: 'taken'; readonly link: PublicLink }
  /** The service said no. */
  | { readonly kind: 'refused'; readonly code: string; readonly detail: string; readonly limit?: number }
  /** The connection broke, or nothing moved for long: the picture may have arrived all the same. */
  | { readonly kind: 'broken' }
  | { readonly kind: 'canceled' };

/** A connection on which nothing moves for so long is given up, in ms: phones change networks without a word. */
const STALL_MS = 60_000;

/** Sends it. `onProgress` is told how much has left, 0 to 1. */
export function send(
  file: Blob,
  type: string,
  onProgress: (part: number) => void,
  signal: AbortSignal,
): Promise<Sent> {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    let stall = 0;
    const moved = () => {
      clearTimeout(stall);
      stall = setTimeout(() => request.abort(), STALL_MS);
    };
    const end = (sent: Sent) => {
      clearTimeout(stall);
      resolve(sent);
    };
    request.upload.onprogress = ({ loaded, total }) => {
      moved();
      if (total > 0) onProgress(loaded / total);
    };
    request.onload = () => end(request.status < 300 ? taken(request) : refusal(request));
    request.onerror = () => end({ kind: 'broken' });
    request.onabort = () => end({ kind: signal.aborted ? 'canceled' : 'broken' });
    signal.addEventListener('abort', () => request.abort());
    request.open('PUT', location.pathname);
    request.setRequestHeader('Content-Type', type);
    request.setRequestHeader('Accept', 'application/json');
    moved();
    request.send(file);
  });
}

/** What says yes but is no answer of the service, as some Wi-Fi gives to all, says nothing. */
function taken({ responseText }: XMLHttpRequest): Sent {
  const link = jsonOf<PublicLink>(responseText);
  return link.status === 'uploaded' ? { kind: 'taken', link: link as PublicLink } : { kind: 'broken' };
}

function refusal({ responseText, status }: XMLHttpRequest): Sent {
  const { code, detail, limit } = problemOf(responseText);
  return {
    kind: 'refused',
    code: code ?? 'internal_error',
    detail: detail ?? `The answer was ${status}.`,
    ...(limit === undefined ? {} : { limit }),
  };
}

/** What an answer says went wrong, where it is a problem of ours and not of something in between. */
export function problemOf(text: string): { code?: string; detail?: string; limit?: number } {
  return jsonOf(text);
}

/** An answer's object, as far as it is one. */
function jsonOf<T>(text: string): Partial<T> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
