/** A Worker that touches each part that serving must provide: variables, an object's database, a bucket, crons. */

import { DurableObject } from 'cloudflare:workers';

export class Counter extends DurableObject {
  /** @param {DurableObjectState} ctx @param {unknown} env */
  constructor(ctx, env) {
    super(ctx, env);
    ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS counts (what TEXT PRIMARY KEY, n INTEGER NOT NULL)');
  }

  /** @param {string} what */
  add(what) {
    const rows = this.ctx.storage.sql.exec(
      'INSERT INTO counts VALUES (?, 1) ON CONFLICT DO UPDATE SET n = n + 1 RETURNING n',
      what,
    );
    return rows.one().n;
  }

  /** @param {string} what */
  read(what) {
    return this.ctx.storage.sql.exec('SELECT n FROM counts WHERE what = ?', what).toArray()[0]?.n ?? 0;
  }
}

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const counter = env.COUNTERS.getByName('one');
    switch (url.pathname) {
      case '/vars':
        return Response.json({ fromConfig: env.FROM_CONFIG, overridden: env.OVERRIDDEN });
      case '/add':
        return Response.json({ n: await counter.add('requests') });
      case '/ticks':
        return Response.json({ n: await counter.read('ticks') });
      case '/put':
        await env.BUCKET.put('key', request.body);
        return new Response(null, { status: 204 });
      case '/get':
        return new Response((await env.BUCKET.get('key'))?.body ?? 'nothing');
      case '/log':
        console.log(JSON.stringify({ job_id: 'job_1', event: 'seen' }));
        return new Response('logged');
      default:
        return new Response('not found', { status: 404 });
    }
  },
  async scheduled(_controller, env) {
    await env.COUNTERS.getByName('one').add('ticks');
  },
};
