/** What passes between the engine's queue and its renderer, and what the engine is to whoever starts it. */

/** One request, as fal's `ltx-2.3/image-to-video/fast` names its fields, validated and with defaults. */
export interface RenderRequest {
  readonly prompt: string;
  /** http(s) URL or base64 data URI. */
  readonly image_url: string;
  readonly end_image_url?: string | undefined;
  /** Seconds. */
  readonly duration: number;
  readonly resolution: '1080p' | '1440p' | '2160p';
  readonly aspect_ratio: 'auto' | '16:9' | '9:16';
  readonly fps: number;
  readonly generate_audio: boolean;
}

/** One entry of fal's `detail` array (docs.fal.ai "Error Reference"). */
export interface ErrorDetail {
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  /** Such as `image_load_error`; clients branch on it. */
  readonly type: string;
  readonly url?: string;
  readonly ctx?: Readonly<Record<string, unknown>>;
  readonly input?: unknown;
}

/** The finished file. */
export interface RenderedFile {
  readonly path: string;
  readonly bytes: number;
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  /** Seconds. */
  readonly duration: number;
  readonly frames: number;
}

export type RenderOutcome =
  | { readonly kind: 'done'; readonly file: RenderedFile }
  /** The input cannot be rendered: the HTTP status and the details that fal would give. */
  | { readonly kind: 'failed'; readonly status: number; readonly detail: readonly ErrorDetail[] }
  /** The renderer itself died or misbehaved. The message is for the log. */
  | { readonly kind: 'crashed'; readonly message: string }
  | { readonly kind: 'canceled' };

export interface RenderOptions {
  /** Where the MP4 is put, atomically, when it is whole. */
  readonly outputPath: string;
  /** Frames done of frames in all; called a few times a second at most. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Downloads may reach loopback (the local service's own signed links). Other private addresses are never fetched. */
  readonly allowLoopback?: boolean;
}

/** A render under way, in a child process of its own. */
export interface Render {
  /** Never rejects. */
  readonly outcome: Promise<RenderOutcome>;
  /** Kills the child and removes what it wrote. */
  cancel(): void;
  /** The child's process id, for tests that kill it. */
  readonly pid: number | undefined;
}

/** Starts a render in a child process. */
export type StartRender = (request: RenderRequest, options: RenderOptions) => Render;

export interface EngineOptions {
  /** Queue, files and keys live here and survive a restart. */
  readonly dataDir: string;
  /** 0 picks a free port. */
  readonly port?: number;
  readonly host?: string;
  /** Renders at a time. Default 1: one render keeps two cores busy. */
  readonly concurrency?: number;
  /** For tests that need no pixels. */
  readonly startRender?: StartRender;
  /** How long an ended request and its file are kept, in milliseconds. Default a day. */
  readonly retentionMs?: number;
  /** Where the log goes. Default: one JSON object a line on stderr. */
  readonly log?: (entry: EngineLogEntry) => void;
}

/** One line of the engine's log. It never holds a prompt, a data URI or a key. */
export interface EngineLogEntry {
  readonly level: 'info' | 'warn' | 'error';
  /** What happened, such as `render_ended`. */
  readonly event: string;
  readonly request_id?: string;
  readonly [field: string]: string | number | boolean | undefined;
}

/** A running engine. */
export interface Engine {
  /** Base URL of the queue, such as `http://127.0.0.1:4021`. Stands for `https://queue.fal.run`. */
  readonly url: string;
  readonly jwksUrl: string;
  /** Stops accepting, kills running renders (they start again with the next engine on this data), closes. */
  close(): Promise<void>;
}

/** Starts the queue server. */
export type StartEngine = (options: EngineOptions) => Promise<Engine>;
