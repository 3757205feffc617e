/** Parts of the service that can be out of reach, and what is told of each. Pure; errors.ts has the union. */

/** Parts of the service that can be out of reach. */
export type ServicePart =
  | 'jobs'
  | 'credits'
  | 'storage'
  | 'upstream'
  | 'configuration'
  | 'directory'
  | 'webhook_secret'
  | 'resolver';

/** A part that cannot be reached now. */
export interface Unavailable {
  readonly tag: 'unavailable';
  readonly part: ServicePart;
  /** Seconds after which a retry makes sense. */
  readonly retryAfter: number;
  /** The job that may have been accepted all the same: ask for its status, or repeat with the same key. */
  readonly jobId?: string;
  /** What was asked may have happened all the same, and may be asked again. */
  readonly mayBeDone?: true;
}

const DETAIL = {
  jobs: 'The jobs of this account cannot be reached right now. Nothing was charged; try again shortly.',
  credits: 'The account and its credits cannot be reached right now. Nothing was charged; try again shortly.',
  storage: 'Files cannot be stored or read right now. Nothing was charged; try again shortly.',
  upstream: 'Video generation is not available right now. Nothing was charged; try again later.',
  configuration: 'This deployment is not set up completely. Its operator finds what is missing at /healthz.',
  directory:
    'The service cannot accept work in this region right now. Nothing was charged; try again shortly.',
  webhook_secret:
    'The webhook secret of this account cannot be decrypted: the entry of SIGNING_SECRETS that it needs was dropped too early. The operator of this deployment has to put it back.',
  resolver:
    'The host name of this address cannot be looked up right now, and no address is taken unchecked. Nothing was changed; try again shortly.',
} as const satisfies Record<ServicePart, string>;

/** What a caller must know when an answer was lost: the one thing not to do is to send the same job blindly again. */
const MAY_BE_ACCEPTED =
  'The jobs of this account cannot be reached right now. Read the status of this job before you send it again.';

const MAY_BE_DONE =
  'The jobs of this account cannot be reached right now. What you asked for may have been done: it is safe to ask again.';

/** The sentence for people. */
export function unavailableDetail({ part, jobId, mayBeDone }: Unavailable): string {
  if (jobId !== undefined) return MAY_BE_ACCEPTED;
  return mayBeDone ? MAY_BE_DONE : DETAIL[part];
}
