/**
 * The API as conformance tests see it. Every answer that comes through here is held against what the API promises of
 * all answers, and against the OpenAPI document: its status must be documented, its body must have the documented
 * members and no others.
 */

import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { expect } from 'vitest';
import { createApp } from '../../src/worker/app.ts';
import type { Env } from '../../src/worker/env.ts';
import { type Json, PUBLIC_URL } from '../support/customer.ts';
import { Contract } from './api-contract.ts';

/** An answer, read. `body` is the parsed JSON, or null where there is none. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Json;
}

type Fetch = (request: Request) => Promise<Response>;

const worker: Fetch = (request) => exports.default.fetch(request);
let contract: Promise<Contract> | undefined;

/** A request to the Worker under test. */
export function ask(path: string, init: RequestInit = {}): Promise<Answer> {
  return answerOf(worker, path, init);
}

/** A JSON request to the Worker under test. */
export function send(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return ask(path, jsonInit(body, headers));
}

export function jsonInit(body: unknown, headers: Record<string, string> = {}): RequestInit {
  return {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  };
}

/** The same Worker with other variables or bindings; its objects keep their own. */
export function workerWith(overrides: Readonly<Record<string, unknown>>): typeof ask {
  const app = createApp();
  const bindings = { ...(env as unknown as Env), ...overrides };
  return (path, init = {}) =>
    answerOf(
      async (request) => {
        const context = createExecutionContext();
        const response = await app.fetch(request, bindings, context);
        await waitOnExecutionContext(context);
        return response;
      },
      path,
      init,
    );
}

/** Bindings of which every use is counted and fails: what is answered all the same touched no object and no bucket. */
export function untouchable(): { readonly bindings: Record<string, unknown>; readonly touched: string[] } {
  const touched: string[] = [];
  const trap = (name: string) =>
    new Proxy(
      {},
      {
        get(_, member) {
          touched.push(`${name}.${String(member)}`);
          throw new Error(`${name} was touched`);
        },
      },
    );
  const names = ['SHARDS', 'ACCOUNTS', 'DIRECTORIES', 'BUCKET'];
  return { bindings: Object.fromEntries(names.map((name) => [name, trap(name)])), touched };
}

async function answerOf(fetch: Fetch, path: string, init: RequestInit): Promise<Answer> {
  const request = new Request(PUBLIC_URL + path, init);
  const { method } = request;
  const response = await fetch(request);
  const { status, headers } = response;
  const text = method === 'HEAD' ? '' : new TextDecoder().decode(await response.arrayBuffer());
  const isJson = /^application\/(problem\+)?json/.test(headers.get('Content-Type') ?? '');
  const answer: Answer = { status, headers, text, body: isJson && text !== '' ? JSON.parse(text) : null };
  checkAnswer(answer, method);
  contract ??= worker(new Request(`${PUBLIC_URL}/openapi.json`)).then(async (document) =>
    Contract.of((await document.json()) as Json),
  );
  (await contract).check(method, new URL(request.url).pathname, answer);
  return answer;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What holds for every answer. */
function checkAnswer({ status, headers, body }: Answer, method: string): void {
  const requestId = headers.get('X-Request-Id');
  expect(requestId).toMatch(UUID);
  if (status < 400) return;
  expect(headers.get('Content-Type')).toBe('application/problem+json');
  if (method === 'HEAD') return;
  expect(body).toMatchObject({ status, request_id: requestId, error: body.detail });
  const slug = String(body.code).replaceAll('_', '-');
  expect([`${PUBLIC_URL}/problems/${slug}`, 'about:blank']).toContain(body.type);
}

/** The whole body of an answer that is not 2xx, with its request id as {@link stable} has it. */
export function problem(
  status: number,
  code: string,
  title: string,
  detail: string,
  extensions: Readonly<Record<string, unknown>> = {},
): Json {
  const type = `${PUBLIC_URL}/problems/${code.replaceAll('_', '-')}`;
  return { type, title, status, detail, code, request_id: '<uuid>', error: detail, ...extensions };
}

/** The body of an answer, with what differs from run to run replaced. */
export function stable({ body }: Answer): Json {
  return JSON.parse(
    JSON.stringify(body)
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>')
      .replaceAll(/job_[0-9a-z]{31}/g, '<job>')
      .replaceAll(/acct_[0-9a-z]{14}/g, '<account>')
      .replaceAll(/key_[0-9a-z]{16}/g, '<key>')
      .replaceAll(/ff_live_[0-9A-Za-z]+/g, '<api key>')
      .replaceAll(/up_[0-9a-z]{31}/g, '<upload>')
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
      .replaceAll(/\/files\/[\w.-]+\//g, '/files/<token>/'),
  );
}
