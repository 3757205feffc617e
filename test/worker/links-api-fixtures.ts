/** Upload links of a customer, through the API's door, and what their holders do with them. */

import { Customer, PUBLIC_URL, uniquePrompt } from '../support/customer.ts';
import { type Answer, ask, send } from './api-door.ts';
import { fixtures } from './media-fixtures.ts';

export const LINKS = '/api/upload-links';
export const GENERATE = '/api/ltx-2.3-image-to-video';
/** Of a picture that is elsewhere. */
export const IMAGE = 'https://images.example.org/end.png';

/** Who has a customer's key. */
export function headersOf(customer: Customer): Record<string, string> {
  return { 'X-API-Key': customer.key, 'X-Firstframe-Region': 'weur' };
}

/** Asks for a link. */
export function makeLink(
  customer: Customer,
  fields: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<Answer> {
  return send(LINKS, fields, { ...headersOf(customer), ...headers });
}

/** A link of a customer of its own. */
export async function madeLink(fields: Record<string, unknown> = {}, credits = 1_000) {
  const customer = await Customer.create({ credits });
  const answer = await makeLink(customer, fields);
  if (answer.status !== 201) throw new Error(`no link: ${answer.text}`);
  return { customer, link: answer.body };
}

/** A job that no other test has. */
export function job(fields: Record<string, unknown> = {}): Record<string, unknown> {
  return { prompt: uniquePrompt(), ...fields };
}

/** A request about one link. */
export function about(
  customer: Customer,
  uploadId: string,
  method: 'GET' | 'DELETE' | 'POST' = 'GET',
  below = '',
): Promise<Answer> {
  return ask(`${LINKS}/${uploadId}${below}`, { method, headers: headersOf(customer) });
}

/** Sends a picture to a link, as its holder. */
export function upload(url: string, bytes: BodyInit = fixtures.png()): Promise<Answer> {
  return ask(url.slice(PUBLIC_URL.length), { method: 'PUT', body: bytes });
}

/** Submits a job whose start image is this. */
export function submit(customer: Customer, imageUrl: string): Promise<Answer> {
  const body = { prompt: uniquePrompt(), image_url: imageUrl, response_mode: 'polling' };
  return send(GENERATE, body, headersOf(customer));
}
