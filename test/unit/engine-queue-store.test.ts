import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase, transaction } from '../../src/engine/server/database.ts';
import { DeliveryStore } from '../../src/engine/server/deliveries.ts';
import { endpointById, inputSchema } from '../../src/engine/server/endpoint.ts';
import type { Outcome } from '../../src/engine/server/outcome.ts';
import { MAX_INTERRUPTIONS, RequestStore, type StoredRequest } from '../../src/engine/server/requests.ts';
import { loadSigner } from '../../src/engine/server/signing.ts';

const APP = 'fal-ai/ltx-2.3';
const DONE: Outcome = {
  kind: 'done',
  video: { bytes: 9, width: 16, height: 9, fps: 25, duration: 6, frames: 150 },
};

let directory: string;
let database: DatabaseSync;
let requests: RequestStore;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'firstframe-store-'));
  database = openDatabase(directory);
  requests = new RequestStore(database);
});

afterEach(() => {
  database.close();
  rmSync(directory, { recursive: true });
});

/** The same data, as a new process finds it. */
function reopen(): void {
  database.close();
  database = openDatabase(directory);
  requests = new RequestStore(database);
}

function put(id: string, callbackUrl?: string, startBy?: number) {
  const endpoint = endpointById('fal-ai/ltx-2.3/image-to-video/fast');
  if (!endpoint) throw new Error('the endpoint is gone');
  const input = inputSchema.parse({ prompt: id, image_url: 'https://images.test/a.png' });
  return requests.submit({ id, endpoint, callbackUrl, input, startBy }, 1);
}

function claim(): StoredRequest {
  const request = requests.claimNext(2);
  if (!request) throw new Error('nothing waits');
  return request;
}

describe('the queue', () => {
  it('is first in, first out, with true positions', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((id) => put(id).request);
    if (!a || !b || !c) throw new Error('three were put');
    expect([a, b, c].map((request) => requests.position(request))).toEqual([0, 1, 2]);
    expect(claim()).toMatchObject({ id: 'a', state: 'running', attempt: 1, started_at: 2 });
    expect([b, c].map((request) => requests.position(request))).toEqual([0, 1]);
    requests.end(b, { kind: 'cancelled' }, [], 3);
    expect(requests.position(c)).toBe(0);
    expect(claim().id).toBe('c');
    expect(requests.claimNext(4)).toBeUndefined();
  });

  it('knows a callback URL for ever, whatever became of its request', () => {
    const first = put('a', 'http://127.0.0.1/hook');
    expect(first.created).toBe(true);
    expect(put('b', 'http://127.0.0.1/hook')).toMatchObject({ created: false, request: { id: 'a' } });
    requests.end(claim(), DONE, [], 3);
    reopen();
    expect(put('c', 'http://127.0.0.1/hook')).toMatchObject({ created: false, request: { state: 'ended' } });
    expect(put('d').created && put('e').created).toBe(true);
  });

  it('finds a request under its own app only', () => {
    put('a');
    expect(requests.find(APP, 'a')?.id).toBe('a');
    expect(requests.find('fal-ai/other', 'a')).toBeUndefined();
  });

  it('ends a request once', () => {
    put('a', 'http://127.0.0.1/hook');
    const running = claim();
    expect(requests.end(running, DONE, [], 3)).toBe(true);
    expect(requests.end(running, { kind: 'crashed' }, [], 4)).toBe(false);
    expect(requests.findById('a')).toMatchObject({ outcome: { kind: 'done' }, ended_at: 3 });
    expect(new DeliveryStore(database).due(3, new Set(), 9)).toHaveLength(1);
    expect(() => requests.input('a')).toThrow(); // The input is forgotten with the end.
  });

  it('knows which requests have waited too long', () => {
    put('a', undefined, 20);
    put('b', undefined, 10);
    put('c');
    expect(requests.nextStartBy()).toBe(10);
    expect(requests.overdue(9)).toEqual([]);
    expect(requests.overdue(10).map((request) => request.id)).toEqual(['b']);
    claim(); // What has started is never too late.
    expect(requests.overdue(99).map((request) => request.id)).toEqual(['b']);
  });

  it('does not let an old attempt end a new one', () => {
    put('a');
    const first = claim();
    requests.giveBack(first);
    expect(claim().attempt).toBe(2);
    expect(requests.end(first, DONE, [], 3)).toBe(false);
    expect(requests.findById('a')?.state).toBe('running');
  });
});

describe('what a killed engine left', () => {
  it('is queued again in its old place', () => {
    put('a');
    put('b');
    claim();
    reopen();
    expect(requests.recover(5)).toBe(1);
    expect(claim()).toMatchObject({ id: 'a', attempt: 2 });
    expect(requests.input('a').prompt).toBe('a');
  });

  it('ends as cancelled when that was asked for', () => {
    put('a', 'http://127.0.0.1/hook');
    claim();
    requests.requestCancel('a');
    reopen();
    expect(requests.recover(5)).toBe(0);
    expect(requests.findById('a')?.outcome).toEqual({ kind: 'cancelled' });
    expect(new DeliveryStore(database).due(5, new Set(), 9)).toHaveLength(1);
  });

  it('is given up when it has taken the engine down again and again', () => {
    put('a');
    for (let death = 1; death < MAX_INTERRUPTIONS; death += 1) {
      claim();
      expect(requests.recover(5)).toBe(1);
    }
    claim();
    expect(requests.recover(5)).toBe(0);
    expect(requests.findById('a')?.outcome).toEqual({ kind: 'crashed' });
  });
});

describe('webhooks owed', () => {
  it('are due until settled, and keep their request from being forgotten', () => {
    put('a', 'http://127.0.0.1/hook');
    requests.end(claim(), DONE, [], 3);
    const deliveries = new DeliveryStore(database);
    expect(deliveries.due(2, new Set(), 9)).toEqual([]);
    expect(deliveries.due(3, new Set(['a']), 9)).toEqual([]);
    expect(deliveries.due(3, new Set(), 9)).toEqual([
      { request_id: 'a', app: APP, url: 'http://127.0.0.1/hook', attempts: 0 },
    ]);
    deliveries.attempted('a', 10);
    expect(deliveries.due(9, new Set(), 9)).toEqual([]);
    expect(deliveries.nextDueAfter(9)).toBe(10);
    expect(requests.expired(1_000, 9)).toEqual([]);
    deliveries.attempted('a', undefined);
    expect(deliveries.nextDueAfter(0)).toBeUndefined();
    expect(requests.expired(1_000, 9).map((request) => request.id)).toEqual(['a']);
    requests.remove('a');
    expect(requests.findById('a')).toBeUndefined();
  });
});

describe('the database', () => {
  it('belongs to one engine at a time', () => {
    expect(() => openDatabase(directory)).toThrow(/another engine is using/);
  });

  it('brings older data up to date', () => {
    put('a');
    // As the first version left it.
    database.exec(
      'DROP INDEX requests_start_by; ALTER TABLE requests DROP COLUMN start_by; PRAGMA user_version = 1',
    );
    reopen();
    expect(requests.findById('a')?.state).toBe('queued');
    put('b', undefined, 5);
    expect(requests.overdue(5)).toHaveLength(1);
  });

  it('refuses data of a newer engine', () => {
    database.exec('PRAGMA user_version = 999');
    database.close();
    expect(() => openDatabase(directory)).toThrow(/newer engine/);
    rmSync(join(directory, 'queue.sqlite'));
    database = openDatabase(directory);
  });

  it('keeps nothing of a transaction that throws', () => {
    expect(() =>
      transaction(database, () => {
        database.exec(`UPDATE sqlite_sequence SET seq = 7`);
        database.exec(`INSERT INTO deliveries (request_id, url) VALUES ('none', 'x')`);
      }),
    ).toThrow(/FOREIGN KEY/);
    expect(database.prepare('SELECT count(*) AS n FROM deliveries').get()?.n).toBe(0);
  });

  it('keeps its signing key', () => {
    const [before] = loadSigner(database, 1).jwks.keys;
    reopen();
    expect(loadSigner(database, 2).jwks.keys).toEqual([before]);
  });
});
