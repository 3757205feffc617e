/** Webhook endpoints and deliveries of a customer, through the API's door. */

import type { Customer, Json } from '../support/customer.ts';
import { type Answer, ask, type stable } from './api-door.ts';

export const ENDPOINTS = '/api/webhook-endpoints';
export const DELIVERIES = '/api/webhook-deliveries';
/** Where the tests' receiver is. */
export const ORIGIN = 'https://hooks.example.org';
export const HOOK = `${ORIGIN}/firstframe`;

/** Who has a customer's key, in Western Europe unless it says otherwise. */
export function keyOf(customer: Customer, region = 'weur'): Record<string, string> {
  return { 'X-API-Key': customer.key, 'X-Firstframe-Region': region };
}

/** What a request is made of. Without a body there is no content type. */
export function request(customer: Customer, method: string, body?: unknown): RequestInit {
  if (body === undefined) return { method, headers: keyOf(customer) };
  return {
    method,
    headers: { ...keyOf(customer), 'Content-Type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  };
}

/** Any request of a customer's. */
export function send(customer: Customer, method: string, path: string, body?: unknown): Promise<Answer> {
  return ask(path, request(customer, method, body));
}

/** Makes an endpoint, which must be made. */
export async function madeEndpoint(customer: Customer, fields: Record<string, unknown> = {}): Promise<Json> {
  const answer = await send(customer, 'POST', ENDPOINTS, { url: HOOK, ...fields });
  if (answer.status !== 201) throw new Error(`no endpoint: ${answer.text}`);
  return answer.body;
}

/** The answer as {@link stable} has it, and without what names endpoints and deliveries. */
export function steady(body: ReturnType<typeof stable>): Json {
  return JSON.parse(
    JSON.stringify(body)
      .replaceAll(/ep_[0-9a-z]{12}/g, '<endpoint>')
      .replaceAll(/whsec_[A-Za-z0-9+/=]+/g, '<secret>'),
  );
}

/** What is wrong with a request, as `pointer: detail`. */
export function wrongs(answer: Answer): string[] {
  return (answer.body.errors ?? [])
    .map((error: Record<string, string>) => `${error.pointer}: ${error.detail}`)
    .sort();
}
