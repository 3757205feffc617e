/**
 * Verifies Standard Webhooks, schemes v1 and v1a. One file without dependencies, for Workers, browsers and Node 20+.
 * MIT. Made by `npm run build:client` of Firstframe from src/client/; its docs are docs/webhooks.md.
 */
/** The HTTP status that suits each reason; see {@link WebhookVerificationError}. */
declare const STATUS: {
    readonly missing_header: 400;
    readonly bad_id: 400;
    readonly bad_timestamp: 400;
    readonly too_old: 400;
    readonly too_new: 400;
    readonly no_match: 400;
    readonly bad_body: 400;
    readonly body_too_large: 413;
    readonly no_key: 500;
    readonly bad_secret: 500;
    readonly bad_key: 500;
    readonly bad_option: 500;
    readonly bad_input: 500;
    readonly body_used: 500;
    readonly unsupported: 500;
    readonly jwks_unavailable: 503;
};
/**
 * Why a webhook was not believed. Stable.
 *
 * What came is at fault: `missing_header` one of the three is absent or empty · `bad_id` an id with a full stop, a space
 * or more than 255 characters · `bad_timestamp` no whole number of seconds · `too_old`, `too_new` beyond the tolerance ·
 * `no_match` no signature is by any of the keys · `bad_body` signed, but no JSON object · `body_too_large`.
 *
 * The receiver is at fault: `no_key` none was given, such as an environment variable that is not set · `bad_secret`,
 * `bad_key` what was given is none, or cut off · `bad_option` · `bad_input` neither a request nor its raw body ·
 * `body_used` something has read the body before · `unsupported` this runtime has no Web Crypto or no Ed25519.
 *
 * Nobody, perhaps for a moment: `jwks_unavailable` the keys could not be fetched.
 */
export type WebhookErrorCode = keyof typeof STATUS;
/** A webhook that is not to be believed. The message never holds a secret, nor anything of the body. */
export declare class WebhookVerificationError extends Error {
    readonly name = "WebhookVerificationError";
    readonly code: WebhookErrorCode;
    /**
     * A status to answer with: 4xx for what came, 500 and 503 where the receiver or its network is at fault. The sender
     * tries again after each of them; none is 410, which would end the endpoint.
     */
    readonly status: number;
    constructor(code: WebhookErrorCode, message: string, options?: {
        readonly cause?: unknown;
    });
}
/** The part of `Headers` that is read. */
export interface HeadersLike {
    get(name: string): string | null;
}
/** The part of a `ReadableStream` that is read. */
export interface StreamLike {
    getReader(): {
        read(): Promise<{
            readonly done: boolean;
            readonly value?: Uint8Array | undefined;
        }>;
        cancel(reason?: unknown): Promise<void>;
    };
}
/** The part of a `Request` (and of a `Response`) that is read. */
export interface RequestLike {
    readonly headers: HeadersLike;
    readonly bodyUsed: boolean;
    /** Undefined in browsers that have no streams of requests. */
    readonly body?: StreamLike | null;
    arrayBuffer(): Promise<ArrayBuffer>;
}
/** What a framework without `Request` has. */
export interface ReceivedWebhook {
    /** `Headers`, or an object with names in any case, such as Node's `request.headers`. */
    readonly headers: HeadersLike | Readonly<Record<string, string | readonly string[] | undefined>>;
    /** As it came, byte for byte. A body that was parsed and written again is another one. */
    readonly body: string | Uint8Array | ArrayBuffer;
}
/** A JSON Web Key Set (RFC 7517). Its Ed25519 keys (RFC 8037) count. */
export interface JwkSet {
    readonly keys: readonly object[];
}
/** The part of `fetch` that is used for a JWKS. */
export type FetchLike = (url: string, init: {
    headers: Record<string, string>;
    redirect: 'manual';
    signal: AbortSignal;
}) => Promise<RequestLike & {
    readonly ok: boolean;
    readonly status: number;
}>;
/** At least one of `secret`, `publicKey` and `jwks`. Whichever key has signed is enough. */
export interface VerifyOptions {
    /** Scheme `v1`: `whsec_…`, or several while one takes the place of another. The prefix may be missing. */
    readonly secret?: string | readonly string[] | undefined;
    /** Scheme `v1a`: `whpk_…`, or several while one takes the place of another. The prefix may be missing. */
    readonly publicKey?: string | readonly string[] | undefined;
    /**
     * Scheme `v1a`: a key set, or its https address (http for this machine alone). What an address gives is kept for five
     * minutes, and asked for anew, once a minute at most, when no key matches. While it cannot be reached, keys up to an
     * hour old are used.
     */
    readonly jwks?: string | URL | JwkSet | undefined;
    /** Seconds by which the timestamp may differ from now, to both sides. Default 300, as the standard's libraries have. */
    readonly toleranceS?: number | undefined;
    /** The present time in ms since 1970. Default `Date.now()`. */
    readonly now?: number | undefined;
    /** Larger bodies are not read. Default 1 MiB; the standard asks senders for less than 20 kB. */
    readonly maxBodyBytes?: number | undefined;
    /** What fetches a JWKS. Default the global `fetch`. */
    readonly fetch?: FetchLike | undefined;
}
/** The body of an event as Standard Webhooks recommends it. */
export interface WebhookEvent {
    /** Such as `job.completed`. */
    readonly type: string;
    /** When it happened, ISO 8601. */
    readonly timestamp: string;
    readonly data: Readonly<Record<string, unknown>>;
}
/** How an event came. */
export interface WebhookReceipt {
    /** `webhook-id`: the same each time this event is sent. Whoever has done what an id asks for drops it. */
    readonly id: string;
    /** `webhook-timestamp`: when this try was sent, in seconds since 1970. */
    readonly sentAt: number;
    /** By which scheme it was verified. */
    readonly scheme: 'v1' | 'v1a';
    /** The body as it came. */
    readonly body: string;
}
/**
 * An event whose sender has a key. `Event` is what the sender promises, a union to be told apart by `type` if need be;
 * only that it is a JSON object was checked.
 */
export type VerifiedWebhook<Event extends object = WebhookEvent> = Event extends unknown ? Omit<Event, keyof WebhookReceipt> & WebhookReceipt : never;
export {};
/**
 * The event, when its sender has one of the keys; its fields beside `id`, `sentAt`, `scheme` and `body` of the delivery.
 * The body is read once: whoever needs it afterwards finds it in `body`.
 *
 * An event may come more than once, with the same `id`, within the tolerance and after it: dropping repeats is for the
 * receiver to do.
 * @throws {WebhookVerificationError} with a stable `code`, and a `status` to answer with.
 */
export declare function verifyWebhook<Event extends object = WebhookEvent>(request: RequestLike | ReceivedWebhook, options: VerifyOptions): Promise<VerifiedWebhook<Event>>;
