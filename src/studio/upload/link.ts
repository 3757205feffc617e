/** A link as whoever holds it is told, in JSON: what the page is made from, here and in the browser. */

/** The part of the public answer of `GET /u/{token}` that the page reads. */
export interface PublicLink {
  /** Those that have expired or were revoked are answered with a problem instead. */
  readonly status: 'pending' | 'uploaded' | 'expired' | 'revoked';
  /** ISO 8601. */
  readonly expires_at: string;
  readonly max_bytes: number;
  readonly types: readonly string[];
  /** Of the picture that has come. */
  readonly bytes?: number | undefined;
  /** Absent when no job is attached. */
  readonly job?: PublicJob | undefined;
  /** Of the finished job. */
  readonly video?: PublicVideo | undefined;
}

/** What has become of the job that the picture starts. */
export interface PublicJob {
  readonly status:
    | 'waiting'
    | 'starting'
    | 'on_hold'
    | 'in_progress'
    | 'completed'
    | 'failed'
    | 'canceled'
    | 'expired';
  readonly phase?: 'queued' | 'rendering' | 'storing' | undefined;
  readonly error?: { readonly code: string } | undefined;
}

/** The finished video. */
export interface PublicVideo {
  readonly url: string;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}
