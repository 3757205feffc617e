/**
 * Verifies Standard Webhooks, schemes v1 and v1a. One file without dependencies, for Workers, browsers and Node 20+.
 * MIT. Made by `npm run build:client` of Firstframe from src/client/; its docs are docs/webhooks.md.
 */
var STATUS = {
  missing_header: 400,
  bad_id: 400,
  bad_timestamp: 400,
  too_old: 400,
  too_new: 400,
  no_match: 400,
  bad_body: 400,
  body_too_large: 413,
  no_key: 500,
  bad_secret: 500,
  bad_key: 500,
  bad_option: 500,
  bad_input: 500,
  body_used: 500,
  unsupported: 500,
  jwks_unavailable: 503
};
var WebhookVerificationError = class extends Error {
  name = "WebhookVerificationError";
  code;
  /**
   * A status to answer with: 4xx for what came, 500 and 503 where the receiver or its network is at fault. The sender
   * tries again after each of them; none is 410, which would end the endpoint.
   */
  status;
  constructor(code, message, options) {
    super(message, options);
    this.code = code;
    this.status = STATUS[code];
  }
};

var encoder = new TextEncoder();
function utf8(text) {
  return encoder.encode(text);
}
function fromBase64(text) {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  const bare = text.replace(/=+$/, "");
  if (bare.length % 4 === 1) return null;
  return Uint8Array.from(atob(bare), (character) => character.charCodeAt(0));
}
function fromBase64Url(text) {
  return /^[A-Za-z0-9_-]*$/.test(text) ? fromBase64(text.replaceAll("-", "+").replaceAll("_", "/")) : null;
}
function equalBytes(a, b) {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i] ^ b[i];
  return difference === 0;
}
function concat(parts) {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
async function readBody(from, maxBytes) {
  const announced = Number(from.headers.get("content-length") ?? 0);
  if (announced > maxBytes) throw tooLarge(maxBytes);
  if (from.body === null) return new Uint8Array(0);
  if (!from.body) return within(new Uint8Array(await from.arrayBuffer()), maxBytes);
  const reader = from.body.getReader();
  const parts = [];
  let length = 0;
  for (; ; ) {
    const { done, value } = await reader.read();
    if (done) return concat(parts);
    if (!value) continue;
    length += value.length;
    if (length > maxBytes) {
      await reader.cancel().catch(() => void 0);
      throw tooLarge(maxBytes);
    }
    parts.push(value);
  }
}
function within(bytes, maxBytes) {
  if (bytes.length > maxBytes) throw tooLarge(maxBytes);
  return bytes;
}
function tooLarge(maxBytes) {
  return new WebhookVerificationError("body_too_large", `the body has more than ${maxBytes} bytes`);
}

var ID = /^[!-\-/-~]{1,255}$/;
var SECONDS = /^(?:0|[1-9][0-9]{0,14})$/;
var V1 = /^v1,([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)$/;
var V1A = /^v1a,([A-Za-z0-9+/]{85}[AQgw]==)$/;
var MAX_SIGNATURES = 64;
function readHeaders(headers) {
  const header = (name) => {
    const value = headerOf(headers, name);
    if (value) return value;
    throw new WebhookVerificationError("missing_header", `the header ${name} is missing or empty`);
  };
  const id = header("webhook-id");
  const timestamp = header("webhook-timestamp");
  const signatures = header("webhook-signature").split(" ", MAX_SIGNATURES);
  if (!ID.test(id)) {
    const message = "webhook-id has 1 to 255 visible ASCII characters without a full stop";
    throw new WebhookVerificationError("bad_id", message);
  }
  if (!SECONDS.test(timestamp)) {
    throw new WebhookVerificationError(
      "bad_timestamp",
      "webhook-timestamp is a whole number of unix seconds"
    );
  }
  return { id, timestamp, v1: matches(signatures, V1), v1a: matches(signatures, V1A) };
}
function checkTime(timestamp, nowMs, toleranceS) {
  const sentAt = Number(timestamp);
  const age = Math.floor(nowMs / 1e3) - sentAt;
  if (age > toleranceS) {
    throw new WebhookVerificationError("too_old", `sent ${age} s ago; at most ${toleranceS} s are believed`);
  }
  if (-age > toleranceS) {
    throw new WebhookVerificationError("too_new", `sent in ${-age} s; is the clock of this machine right?`);
  }
  return sentAt;
}
function matches(signatures, pattern) {
  return signatures.flatMap((item) => {
    const bytes = fromBase64(pattern.exec(item)?.[1] ?? "");
    return bytes && bytes.length > 0 ? [bytes] : [];
  });
}
function headerOf(headers, name) {
  if (isHeaders(headers)) return headers.get(name);
  const values = Object.entries(headers).flatMap(
    ([key, value]) => key.toLowerCase() === name && value !== void 0 ? value : []
  );
  return values.join(", ");
}
function isHeaders(headers) {
  return typeof headers.get === "function";
}

var MIN_SECRET_BYTES = 24;
var MAX_SECRET_BYTES = 64;
var PUBLIC_KEY_BYTES = 32;
var MAX_JWKS_KEYS = 32;
function listOf(given) {
  if (given === void 0 || given === null) return [];
  return typeof given === "string" ? [given] : given;
}
function readSecrets(given) {
  return listOf(given).map((secret) => {
    if (typeof secret !== "string") throw badSecret("is a text");
    if (/^wh[ps]k_/.test(secret)) throw badSecret('starts with "whsec_"; this is a key of scheme v1a');
    const bytes = fromBase64(secret.replace(/^whsec_/, ""));
    if (!bytes) throw badSecret('is "whsec_" and base64');
    if (bytes.length < MIN_SECRET_BYTES || bytes.length > MAX_SECRET_BYTES) {
      throw badSecret(`has ${MIN_SECRET_BYTES} to ${MAX_SECRET_BYTES} bytes, not ${bytes.length}`);
    }
    return bytes;
  });
}
function readPublicKeys(given) {
  return listOf(given).map((key) => {
    if (typeof key !== "string") throw badKey("is a text");
    if (key.startsWith("whsk_"))
      throw badKey('starts with "whpk_"; this is the private key, which stays secret');
    if (key.startsWith("whsec_")) throw badKey('starts with "whpk_"; this is a secret of scheme v1');
    const bytes = fromBase64(key.replace(/^whpk_/, ""));
    if (!bytes) throw badKey('is "whpk_" and base64');
    if (bytes.length !== PUBLIC_KEY_BYTES) {
      throw badKey(`has ${PUBLIC_KEY_BYTES} bytes, not ${bytes.length}`);
    }
    return bytes;
  });
}
function readJwks(set) {
  if (typeof set !== "object" || set === null || !("keys" in set) || !Array.isArray(set.keys)) return null;
  const found = set.keys.flatMap((jwk) => {
    const key = ed25519Of(jwk);
    return key ? [key] : [];
  });
  return found.length > 0 ? found.slice(0, MAX_JWKS_KEYS) : null;
}
function ed25519Of(jwk) {
  if (typeof jwk !== "object" || jwk === null) return null;
  const { kty, crv, x, use = "sig", alg = "EdDSA" } = jwk;
  if (kty !== "OKP" || crv !== "Ed25519" || use !== "sig" || typeof x !== "string") return null;
  if (alg !== "EdDSA" && alg !== "Ed25519") return null;
  const bytes = fromBase64Url(x);
  return bytes?.length === PUBLIC_KEY_BYTES ? bytes : null;
}
async function matchesV1(secrets, signatures, signed) {
  for (const secret of signatures.length > 0 ? secrets : []) {
    const key = await subtle().importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    const own = new Uint8Array(await subtle().sign("HMAC", key, signed));
    if (signatures.some((signature) => equalBytes(signature, own))) return true;
  }
  return false;
}
async function matchesV1a(keys, signatures, signed) {
  for (const bytes of signatures.length > 0 ? keys : []) {
    const key = await importEd25519(bytes);
    for (const signature of signatures) {
      if (await subtle().verify("Ed25519", key, signature, signed)) return true;
    }
  }
  return false;
}
async function importEd25519(bytes) {
  try {
    return await subtle().importKey("raw", bytes, "Ed25519", false, ["verify"]);
  } catch (cause) {
    if (cause instanceof WebhookVerificationError) throw cause;
    if (cause?.name !== "NotSupportedError") {
      throw new WebhookVerificationError("bad_key", "a public key is a point of Ed25519", { cause });
    }
    const message = 'this runtime has no Ed25519: take scheme v1 with "secret", or a newer runtime';
    throw new WebhookVerificationError("unsupported", message, { cause });
  }
}
function subtle() {
  const found = globalThis.crypto?.subtle;
  if (found) return found;
  throw new WebhookVerificationError(
    "unsupported",
    "this runtime, or a page without https, has no Web Crypto"
  );
}
function badSecret(what) {
  return new WebhookVerificationError("bad_secret", `a webhook secret ${what}`);
}
function badKey(what) {
  return new WebhookVerificationError("bad_key", `a public key of webhooks ${what}`);
}

var FRESH_MS = 3e5;
var STALE_MS = 36e5;
var REFETCH_MS = 6e4;
var RETRY_MS = 5e3;
var TIMEOUT_MS = 5e3;
var MAX_BYTES = 65536;
var MAX_ADDRESSES = 100;
var entries = /* @__PURE__ */ new Map();
function readJwksOption(given) {
  if (typeof given !== "string" && !(given instanceof URL)) {
    const keys = readJwks(given);
    if (keys) return keys;
    throw new WebhookVerificationError("bad_key", '"jwks" is an address, or a set with a key of Ed25519');
  }
  const url = URL.canParse(given) ? new URL(given) : null;
  const here = url && /^(?:localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
  if (url && (url.protocol === "https:" || url.protocol === "http:" && here)) return url;
  throw new WebhookVerificationError("bad_key", 'the address of "jwks" is an https URL');
}
async function keysOf(url, context) {
  const entry = entryOf(url.href);
  const age = () => Math.abs(context.now - entry.fetchedAt);
  if (entry.keys && age() <= FRESH_MS) return entry.keys;
  const failure = await ask(url, entry, context);
  if (entry.keys && age() <= STALE_MS) return entry.keys;
  throw failure ?? unavailable("could not be fetched a moment ago");
}
async function newerKeysOf(url, tried, context) {
  const entry = entryOf(url.href);
  const failure = entry.keys === tried ? await ask(url, entry, context) : null;
  if (failure) throw failure;
  return entry.keys === tried ? null : entry.keys;
}
function entryOf(href) {
  let entry = entries.get(href);
  if (!entry) {
    const [oldest] = entries.keys();
    if (oldest !== void 0 && entries.size >= MAX_ADDRESSES) entries.delete(oldest);
    entry = { keys: null, fetchedAt: 0, askedAt: Number.NEGATIVE_INFINITY, asking: null };
    entries.set(href, entry);
  }
  return entry;
}
async function ask(url, entry, context) {
  const since = Math.abs(context.now - entry.askedAt);
  if (entry.asking && since <= TIMEOUT_MS) return inTime(entry.asking);
  if (since < (entry.keys ? REFETCH_MS : RETRY_MS)) return null;
  entry.askedAt = context.now;
  const asking = fetchKeys(url, context.fetch).then(
    (keys) => {
      entry.keys = keys;
      entry.fetchedAt = context.now;
      return null;
    },
    (thrown) => isUnavailable(thrown) ? thrown : unavailable("could not be fetched", thrown)
  );
  entry.asking = asking;
  const failure = await asking;
  if (entry.asking === asking) entry.asking = null;
  return failure;
}
async function fetchKeys(url, fetch2) {
  const response = await fetch2(url.href, {
    headers: { accept: "application/jwk-set+json, application/json" },
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT_MS)
  });
  if (!response.ok) throw unavailable(`were answered with ${response.status}`);
  const text = new TextDecoder().decode(await readBody(response, MAX_BYTES));
  const keys = readJwks(JSON.parse(text));
  if (!keys) throw unavailable("are no set with a key of Ed25519");
  return keys;
}
async function inTime(asking) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve(unavailable("take too long")), TIMEOUT_MS);
  });
  try {
    return await Promise.race([asking, late]);
  } finally {
    clearTimeout(timer);
  }
}
function isUnavailable(thrown) {
  return thrown instanceof WebhookVerificationError && thrown.code === "jwks_unavailable";
}
function unavailable(what, cause) {
  const message = `the keys at the address of "jwks" ${what}`;
  return new WebhookVerificationError("jwks_unavailable", message, cause === void 0 ? {} : { cause });
}

var TOLERANCE_S = 300;
var MAX_BODY_BYTES = 1048576;
async function verifyWebhook(request, options) {
  const trust = readOptions(options);
  if (typeof request?.headers !== "object" || request.headers === null) {
    throw new WebhookVerificationError("bad_input", "a webhook is a Request, or { headers, body }");
  }
  const headers = readHeaders(request.headers);
  const sentAt = checkTime(headers.timestamp, trust.context.now, trust.toleranceS);
  const bytes = await bodyOf(request, trust.maxBodyBytes);
  const signed = concat([utf8(`${headers.id}.${headers.timestamp}.`), bytes]);
  const scheme = await schemeThatMatches(trust, headers, signed);
  if (!scheme) {
    throw new WebhookVerificationError("no_match", "no signature is by any of the keys for this body");
  }
  const { event, body } = parse(bytes);
  return { ...event, id: headers.id, sentAt, scheme, body };
}
function readOptions(options) {
  const { secret, publicKey, jwks, toleranceS = TOLERANCE_S, maxBodyBytes = MAX_BODY_BYTES } = options ?? {};
  const secrets = readSecrets(secret);
  const given = jwks === void 0 || jwks === null ? [] : readJwksOption(jwks);
  const publicKeys = [...readPublicKeys(publicKey), ...given instanceof URL ? [] : given];
  const jwksUrl = given instanceof URL ? given : null;
  if (secrets.length + publicKeys.length === 0 && !jwksUrl) {
    throw new WebhookVerificationError("no_key", 'none of "secret", "publicKey" and "jwks" is there');
  }
  const now = options.now ?? Date.now();
  for (const [name, value] of Object.entries({ toleranceS, maxBodyBytes, now })) {
    if (Number.isFinite(value) && value >= 0) continue;
    throw new WebhookVerificationError("bad_option", `"${name}" is a number that is not negative`);
  }
  const fetcher = options.fetch ?? ((url, init) => fetch(url, init));
  return { secrets, publicKeys, jwksUrl, toleranceS, maxBodyBytes, context: { now, fetch: fetcher } };
}
async function bodyOf(request, maxBytes) {
  if ("arrayBuffer" in request) {
    if (!request.bodyUsed) return readBody(request, maxBytes);
    const message2 = 'the body of the request was read before: verify first, and take "body" of the result';
    throw new WebhookVerificationError("body_used", message2);
  }
  const { body } = request;
  if (typeof body === "string") return within(utf8(body), maxBytes);
  if (body instanceof ArrayBuffer) return within(new Uint8Array(body), maxBytes);
  if (body instanceof Uint8Array) return within(new Uint8Array(body), maxBytes);
  const message = "the body is the text or the bytes that came: one that was parsed cannot be verified";
  throw new WebhookVerificationError("bad_input", message);
}
async function schemeThatMatches(trust, { v1, v1a }, signed) {
  if (await matchesV1(trust.secrets, v1, signed)) return "v1";
  if (await matchesV1a(trust.publicKeys, v1a, signed)) return "v1a";
  if (!trust.jwksUrl || v1a.length === 0) return null;
  const keys = await keysOf(trust.jwksUrl, trust.context);
  if (await matchesV1a(keys, v1a, signed)) return "v1a";
  const newer = await newerKeysOf(trust.jwksUrl, keys, trust.context);
  return newer && await matchesV1a(newer, v1a, signed) ? "v1a" : null;
}
function parse(bytes) {
  try {
    const body = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const event = JSON.parse(body);
    if (typeof event === "object" && event !== null && !Array.isArray(event)) return { event, body };
  } catch {
  }
  throw new WebhookVerificationError("bad_body", "the body is signed, but is no JSON object");
}
export {
  WebhookVerificationError,
  verifyWebhook
};
