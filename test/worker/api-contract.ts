/** An OpenAPI document as a judge of answers. */

import { expect } from 'vitest';
import * as z from 'zod';
import type { Json } from '../support/customer.ts';

interface Observed {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

interface Operation {
  readonly name: string;
  readonly path: RegExp;
  readonly method: string;
  /** By status: the schema of the JSON body, null where the body is none or no JSON. */
  readonly answers: ReadonlyMap<number, { readonly type: string | null; readonly schema: z.ZodType | null }>;
}

export class Contract {
  readonly #operations: readonly Operation[];

  private constructor(operations: readonly Operation[]) {
    this.#operations = operations;
  }

  static of(document: Json): Contract {
    const operations = Object.entries<Json>(document.paths).flatMap(([path, methods]) =>
      Object.entries<Json>(methods).map(([method, operation]) => ({
        name: `${method.toUpperCase()} ${path}`,
        path: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
        method: method.toUpperCase(),
        answers: new Map(
          Object.entries<Json>(operation.responses).map(([status, response]) => [
            Number(status),
            answerOf(response, document),
          ]),
        ),
      })),
    );
    return new Contract(operations);
  }

  /** Fails unless the document has this answer. Addresses that it does not name are 404 and 405, or pages for people. */
  check(method: string, path: string, observed: Observed): void {
    const wanted = method === 'HEAD' ? 'GET' : method;
    const operation = this.#operations.find((one) => one.method === wanted && one.path.test(path));
    if (!operation) return;
    const answer = operation.answers.get(observed.status);
    expect(answer, `${operation.name} answers ${observed.status}, which is not documented`).toBeDefined();
    if (method === 'HEAD' || !answer?.schema) return;
    expect(observed.headers.get('Content-Type')).toContain(answer.type);
    const parsed = answer.schema.safeParse(observed.body);
    const told = `${operation.name} ${observed.status}: ${JSON.stringify(observed.body)}`;
    expect(parsed.error?.issues ?? [], told).toEqual([]);
  }
}

function answerOf(response: Json, document: Json) {
  const [type = null, media] =
    Object.entries<Json>(response.content ?? {}).find(([name]) => /json$/.test(name)) ?? [];
  return { type, schema: media ? z.fromJSONSchema(closed(media.schema, document)) : null };
}

/**
 * A schema with its references followed, and closed: where it does not speak of further members it has none. JSON
 * Schema would let an undocumented member pass.
 */
function closed(schema: Json, document: Json): Json {
  if (Array.isArray(schema)) return schema.map((item) => closed(item, document));
  if (typeof schema !== 'object' || schema === null) return schema;
  if (typeof schema.$ref === 'string') {
    const name = schema.$ref.replace('#/components/schemas/', '');
    return closed(document.components.schemas[name], document);
  }
  const { discriminator: _, ...rest } = schema;
  const followed = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [key, closed(value, document)]),
  );
  return followed.properties && followed.additionalProperties === undefined
    ? { ...followed, additionalProperties: false }
    : followed;
}
