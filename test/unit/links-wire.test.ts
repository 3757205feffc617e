import { describe, expect, it } from 'vitest';
import type * as z from 'zod';
import type { JobView } from '../../src/worker/jobs/contract.ts';
import { PublicLink, UploadLink } from '../../src/worker/links/answer.ts';
import type { LinkSpec, LinkView, StoredImage } from '../../src/worker/links/contract.ts';
import { linkBody, publicBody } from '../../src/worker/links/wire.ts';
import { MAX_EVENT_BYTES } from '../../src/worker/webhooks/event.ts';

const NOW = 1_800_000_000_000;
const ACCOUNT = 'acct_b0000000000000';
const ADDRESSES = {
  url: 'https://video.example.com/u/k.secret',
  imageUrl: 'https://video.example.com/files/t/up_1',
};
const VIDEO_URL = 'https://video.example.com/files/t/job_1.mp4';

const spec: LinkSpec = {
  expiresAt: NOW + 60_000,
  maxBytes: 1_000,
  types: ['image/png', 'image/jpeg'],
  sha256: 'a'.repeat(64),
  role: 'end',
  redirectUrl: 'https://customer.example.org/thanks',
  webhookUrl: 'https://customer.example.org/hook',
  metadata: { order: 'private-4711' },
  job: {
    model: 'ltx-2.3-image-to-video',
    input: { prompt: 'a private prompt', duration: 6 },
    other: { kind: 'url', url: 'https://images.example.org/private.png' },
    usualMs: 1_000,
    credits: 29,
    cost: 288_000,
  },
};
const image: StoredImage = {
  key: `up/${ACCOUNT}/up_1/0123456789abcdef`,
  type: 'image/jpeg',
  bytes: 900,
  width: 64,
  height: 48,
  sha256: 'a'.repeat(64),
};
const pending: LinkView = { uploadId: 'up_1', status: 'pending', createdAt: NOW, spec, start: 'waiting' };
const uploaded: LinkView = {
  ...pending,
  status: 'uploaded',
  image,
  uploadedAt: NOW + 1_000,
  start: 'starting',
};
const inProgress: JobView = {
  jobId: 'job_1',
  status: 'in_progress',
  phase: 'queued',
  queuePosition: 3,
  credits: 29,
  cost: 288_000,
  createdAt: NOW + 1_000,
  metadata: { order: 'private-4711' },
};
const ended = { createdAt: NOW, endedAt: NOW + 5_000, jobId: 'job_1' };
const completed: JobView = {
  ...ended,
  status: 'completed',
  credits: 29,
  cost: 288_000,
  video: { key: `out/${ACCOUNT}/job_1.mp4`, bytes: 9, duration: 6, width: 1_920, height: 1_080, fps: 25 },
};
const failure = { code: 'image_too_small', message: 'Send a larger one.' } as const;
const failed: JobView = { ...ended, status: 'failed', credits: 0, cost: 0, failure };
const canceled: JobView = { ...ended, status: 'canceled', credits: 0, cost: 0 };
const started = (job: JobView): LinkView => ({ ...uploaded, start: 'started', jobId: 'job_1', job });
const bare = { ...pending, spec: { ...spec, job: undefined }, start: 'none' } as unknown as LinkView;

const STATES: [string, LinkView][] = [
  ['pending', pending],
  ['pending, without a job', bare],
  ['uploaded', uploaded],
  ['uploaded, and unpaid', { ...uploaded, start: 'insufficient_credits' }],
  ['in progress', started(inProgress)],
  ['completed', started(completed)],
  ['failed', started(failed)],
  ['canceled', started(canceled)],
  ['its job forgotten', { ...uploaded, start: 'started', jobId: 'job_1' }],
  ['expired', { ...pending, status: 'expired' }],
  ['revoked', { ...pending, status: 'revoked' }],
  ['revoked with its picture', { ...uploaded, status: 'revoked', start: 'waiting' }],
];

/** The members of a value that a schema does not name: none, since both are read closed. */
function judged(schema: z.ZodObject, body: object): object {
  expect(schema.strict().safeParse(body).error?.issues ?? []).toEqual([]);
  return body;
}

describe.each(STATES)('a link that is %s', (_, link) => {
  const videoUrl = link.job?.status === 'completed' ? VIDEO_URL : null;

  it('is told to its owner as its schema says', () => {
    const body = judged(UploadLink, linkBody(link, { ...ADDRESSES, videoUrl }));
    expect(body).toMatchObject({ upload_id: 'up_1', status: link.status, metadata: spec.metadata });
    expect('url' in body).toBe(link.status === 'pending');
    expect('image_url' in body).toBe(link.status === 'pending' || link.image !== undefined);
    expect(JSON.stringify(body)).not.toContain('up/');
    expect(JSON.stringify(body)).not.toContain('a private prompt');
  });

  it('is told to its holder without anything of the account, its money, its metadata and its ids', () => {
    const body = judged(PublicLink, publicBody(link, { videoUrl }));
    const text = JSON.stringify(body);
    const secrets = [
      'acct_',
      'up_1',
      'private',
      'hook',
      '29',
      '0.288',
      'credit',
      'webhook',
      'prompt',
      'k.secret',
    ];
    for (const secret of secrets) expect(text).not.toContain(secret);
    // The video's own address names the job, whose id opens nothing without a key.
    expect(text.replaceAll(VIDEO_URL, '')).not.toContain('job_1');
  });
});

describe('what the owner is told', () => {
  it('before the picture', () => {
    expect(linkBody(pending, ADDRESSES)).toEqual({
      upload_id: 'up_1',
      status: 'pending',
      url: ADDRESSES.url,
      image_url: ADDRESSES.imageUrl,
      created_at: '2027-01-15T08:00:00.000Z',
      expires_at: '2027-01-15T08:01:00.000Z',
      max_bytes: 1_000,
      types: ['image/png', 'image/jpeg'],
      sha256: 'a'.repeat(64),
      role: 'end',
      redirect_url: 'https://customer.example.org/thanks',
      webhook_url: 'https://customer.example.org/hook',
      metadata: { order: 'private-4711' },
      model: 'ltx-2.3-image-to-video',
      cost_usd: 0.288,
      credits: 29,
    });
  });

  it('of the picture and the job', () => {
    const body = linkBody(started(completed), { ...ADDRESSES, videoUrl: VIDEO_URL });
    expect(body).toMatchObject({
      content_type: 'image/jpeg',
      bytes: 900,
      width: 64,
      height: 48,
      uploaded_at: '2027-01-15T08:00:01.000Z',
      job_id: 'job_1',
      result: { video: { url: VIDEO_URL, duration: 6, fps: 25 } },
    });
    expect(body).not.toHaveProperty('job_error');
  });

  it.each<[string, LinkView, object | undefined]>([
    [
      'credits are missing',
      { ...uploaded, start: 'insufficient_credits' },
      {
        code: 'insufficient_credits',
        message:
          'The job needs 29 credits, and the account had fewer. Add credits, then send POST /api/upload-links/up_1/submit.',
      },
    ],
    ['the job failed', started(failed), failure],
    ['the job was canceled', started(canceled), undefined],
    ['the job goes on', started(inProgress), undefined],
  ])('when %s', (_, link, error) => {
    expect(linkBody(link, ADDRESSES).job_error).toEqual(error);
  });
});

it('fits into an event, however long everything in it is', () => {
  const longest: LinkSpec = {
    ...spec,
    types: ['image/png', 'image/jpeg', 'image/webp', 'image/avif', 'image/heif'],
    redirectUrl: `https://${'r'.repeat(2_040)}`,
    webhookUrl: `https://${'w'.repeat(4_088)}`,
    // As the request's limits have it: 4,096 bytes as JSON.
    metadata: Object.fromEntries(Array.from({ length: 8 }, (_, at) => [`k${at}`, 'x'.repeat(500)])),
  };
  const imageUrl = `https://${'i'.repeat(600)}`;
  const link: LinkView = { ...uploaded, spec: longest, start: 'insufficient_credits' };
  const body = JSON.stringify(linkBody(link, { url: null, imageUrl }));
  expect(new TextEncoder().encode(body).length).toBeLessThan(MAX_EVENT_BYTES - 1_000);
});

describe('what the holder is told', () => {
  it.each<[string, LinkView, object | undefined]>([
    ['there is none', bare, undefined],
    ['it waits for the picture', pending, { status: 'waiting' }],
    ['it is being started', uploaded, { status: 'starting' }],
    ['nobody can pay for it now', { ...uploaded, start: 'insufficient_credits' }, { status: 'on_hold' }],
    [
      'it waits for its turn',
      started(inProgress),
      { status: 'in_progress', phase: 'queued', queue_position: 3 },
    ],
    ['it is done', started(completed), { status: 'completed' }],
    ['it failed', started(failed), { status: 'failed', error: failure }],
    ['it was canceled', started(canceled), { status: 'canceled' }],
    ['it is remembered no more', { ...uploaded, start: 'started', jobId: 'job_1' }, { status: 'expired' }],
    ['its link was revoked', { ...pending, status: 'revoked' }, undefined],
    ['its link has expired', { ...pending, status: 'expired' }, undefined],
    [
      'its link was revoked after the picture',
      { ...uploaded, status: 'revoked', start: 'waiting' },
      undefined,
    ],
  ])('of the job when %s', (_, link, job) => {
    expect(publicBody(link).job).toEqual(job);
  });

  it('of the video once it is there', () => {
    expect(publicBody(started(completed), { videoUrl: VIDEO_URL }).video).toEqual({
      url: VIDEO_URL,
      content_type: 'video/mp4',
      duration: 6,
      width: 1_920,
      height: 1_080,
      fps: 25,
    });
    expect(publicBody(started(inProgress))).not.toHaveProperty('video');
  });
});
