import { type Context, Hono } from 'hono';
import { type AppParts, type AppTypes, sendError } from '../context.ts';
import { plainError, REQUEST_NOT_FOUND } from '../errors.ts';
import { errorOf } from '../outcome.ts';
import { type StatusBody, statusBody, videoBody } from '../replies.ts';
import type { StoredRequest } from '../requests.ts';
import { statusStream } from '../status-stream.ts';

const REQUEST = '/:owner/:app/requests/:id';

/** Status, its stream, result and cancel of a request, under `/{owner}/{app}/requests/{id}`. */
export function requestRoutes(parts: AppParts): Hono<AppTypes> {
  const { requests, scheduler, changes, base, closing } = parts;

  const find = (c: Context<AppTypes>): StoredRequest | undefined => {
    const { owner, app, id } = c.req.param();
    const request = requests.find(`${owner}/${app}`, id ?? '');
    if (request) c.set('requestId', request.id);
    return request;
  };

  const statusOf = (request: StoredRequest, withLogs: boolean): StatusBody =>
    statusBody(base(), request, requests.position(request), withLogs ? scheduler.logsOf(request) : undefined);

  const result = (c: Context<AppTypes>): Response => {
    const request = find(c);
    if (!request) return sendError(REQUEST_NOT_FOUND);
    if (!request.outcome) return sendError(plainError(400, 'Request is still in progress'));
    const error = errorOf(request.outcome);
    return error ? sendError(error) : c.json(videoBody(base(), request));
  };

  return new Hono<AppTypes>()
    .get(`${REQUEST}/status`, (c) => {
      const request = find(c);
      if (!request) return sendError(REQUEST_NOT_FOUND);
      return c.json(statusOf(request, wantsLogs(c)), request.state === 'ended' ? 200 : 202);
    })
    .get(`${REQUEST}/status/stream`, (c) => {
      const first = find(c);
      if (!first) return sendError(REQUEST_NOT_FOUND);
      const withLogs = wantsLogs(c);
      const read = () => {
        const request = requests.find(first.app, first.id);
        return request && statusOf(request, withLogs);
      };
      return c.body(statusStream(read, changes, closing), 200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
      });
    })
    .get(REQUEST, result)
    .get(`${REQUEST}/response`, result)
    .put(`${REQUEST}/cancel`, (c) => {
      const request = find(c);
      if (!request) return sendError(REQUEST_NOT_FOUND);
      return scheduler.cancel(request) === 'requested'
        ? c.json({ status: 'CANCELLATION_REQUESTED' }, 202)
        : c.json({ status: 'ALREADY_COMPLETED' }, 400);
    });
}

function wantsLogs(c: Context<AppTypes>): boolean {
  const logs = c.req.query('logs');
  return logs === '1' || logs === 'true';
}
