/**
 * Addresses of requests in fal's queue. The key goes with every call, so each address is pinned to the configured
 * host, when it is learnt and again when it is used. Pure.
 */

import type { UpstreamHandle } from './contract.ts';

/** fal gives UUIDs, the local engine ids of its own. Nothing that could change a path. */
const REQUEST_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

/** Whether the text can be a request id. */
export function isRequestId(text: string): boolean {
  return REQUEST_ID.test(text);
}

/** App namespaces that take one more segment, as in `@fal-ai/client`'s `parseEndpointId`. */
const NAMESPACES: ReadonlySet<string> = new Set(['workflows', 'comfy']);

/** The addresses of a request, made from the endpoint: of its id only the app takes part (fal's sub-path rule). */
export function builtHandle(queueUrl: string, endpoint: string, requestId: string): UpstreamHandle {
  const parts = endpoint.split('/');
  const app = parts.slice(0, NAMESPACES.has(parts[0] ?? '') ? 3 : 2).join('/');
  const base = `${queueUrl}/${app}/requests/${requestId}`;
  return { requestId, statusUrl: `${base}/status`, responseUrl: base, cancelUrl: `${base}/cancel` };
}

/** The URLs that an answer to a submit gave, each missing or unchecked. */
export interface GivenUrls {
  readonly status?: string | undefined;
  readonly response?: string | undefined;
  readonly cancel?: string | undefined;
}

/** The addresses that the upstream gave, each replaced by the built one unless it lies on the configured host. */
export function pinnedHandle(
  queueUrl: string,
  endpoint: string,
  requestId: string,
  given: GivenUrls,
): UpstreamHandle {
  const built = builtHandle(queueUrl, endpoint, requestId);
  const pin = (url: string | undefined, otherwise: string) =>
    url !== undefined && isOurs(queueUrl, url, requestId) ? url : otherwise;
  return {
    requestId,
    statusUrl: pin(given.status, built.statusUrl),
    responseUrl: pin(given.response, built.responseUrl),
    cancelUrl: pin(given.cancel, built.cancelUrl),
  };
}

/** Longest address of fal's that is kept, in characters; they have about 120. */
const MAX_URL_LENGTH = 2_048;

function isOurs(queueUrl: string, text: string, requestId: string): boolean {
  if (text.length > MAX_URL_LENGTH || !URL.canParse(text)) return false;
  const url = new URL(text);
  return (
    url.origin === new URL(queueUrl).origin &&
    url.username === '' &&
    url.password === '' &&
    `${url.pathname}/`.includes(`/requests/${requestId}/`)
  );
}

/**
 * Where a stored address is asked now. The configured host may have changed since it was stored (fal documents a
 * second one, with the same paths and keys), so the host is always the configured one; null when it is no address.
 */
export function addressNow(queueUrl: string, stored: string): string | null {
  if (!URL.canParse(stored)) return null;
  const { pathname, search } = new URL(stored);
  return new URL(queueUrl).origin + pathname + search;
}
