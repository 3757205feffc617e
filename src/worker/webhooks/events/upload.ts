/** The event of an upload link. */

import * as z from 'zod';
import { UploadLink } from '../../links/answer.ts';

const UPLOADED_AT = '2026-10-01T12:00:00.000Z';

/** A link has its picture. What is told is the link, as its owner may read it. */
export const UploadCompletedEvent = z
  .object({
    type: z.literal('upload.completed'),
    timestamp: z.iso.datetime().meta({ description: 'When the picture came, not when this try was made.' }),
    data: UploadLink.omit({ url: true, result: true })
      .extend({ status: z.literal('uploaded') })
      .required({
        image_url: true,
        content_type: true,
        bytes: true,
        width: true,
        height: true,
        sha256: true,
        uploaded_at: true,
      }),
  })
  .meta({
    description: 'A picture was sent to an upload link. Its job, where it has one, has events of its own.',
    example: {
      type: 'upload.completed',
      timestamp: UPLOADED_AT,
      data: {
        upload_id: 'up_b00m3k9x2rq5h8n1c7t4w6y0abd3e5fg',
        status: 'uploaded',
        image_url: 'https://video.example.com/files/TOKEN/up_b00m3k9x2rq5h8n1c7t4w6y0abd3e5fg',
        created_at: '2026-10-01T11:58:00.000Z',
        expires_at: '2026-10-01T12:28:00.000Z',
        max_bytes: 20_971_520,
        types: ['image/jpeg', 'image/png'],
        sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
        role: 'start',
        metadata: { order: '7' },
        content_type: 'image/jpeg',
        bytes: 2_481_152,
        width: 3024,
        height: 4032,
        uploaded_at: UPLOADED_AT,
        job_id: 'job_b00j6m2k1x8q4t7v9w3y5z0a2c4e6g8h',
      },
    },
  });
export type UploadCompletedEvent = z.infer<typeof UploadCompletedEvent>;
