/** A zod shape as rows of a parameters table. Pure. */

import * as z from 'zod';

/** One field of a request, as the docs show it. */
export interface Parameter {
  readonly name: string;
  /** JSON type: string, number, boolean, array. */
  readonly type: string;
  readonly required: boolean;
  /** As JSON text; null when there is none. */
  readonly defaultValue: string | null;
  /** Allowed values, or a bound in words; empty when anything of the type goes. */
  readonly allowed: readonly string[];
  readonly description: string;
}

/** The parts of a JSON Schema that our fields use. Anything else a field may say does not fit into a table. */
const FieldSchema = z.object({
  type: z.string().optional(),
  enum: z.array(z.union([z.string(), z.number(), z.boolean()])).optional(),
  /** Of a list: what may be in it. */
  items: z.object({ enum: z.array(z.string()) }).optional(),
  default: z.unknown().optional(),
  description: z.string().default(''),
  minLength: z.number().optional(),
  maxLength: z.number().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  example: z.unknown().optional(),
});
type FieldSchema = z.infer<typeof FieldSchema>;

const ObjectSchema = z.object({
  properties: z.record(z.string(), FieldSchema),
  required: z.array(z.string()).default([]),
});

/** 5000 as "5,000", in every runtime and locale alike. */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

function bounds(schema: FieldSchema): string[] {
  const { minLength, maxLength, minimum, maximum } = schema;
  if (maxLength !== undefined) return [`${grouped(minLength ?? 0)} to ${grouped(maxLength)} characters`];
  if (minimum !== undefined && maximum !== undefined) return [`${minimum} to ${maximum}`];
  return [];
}

function jsonSchemaOf(shape: z.ZodRawShape) {
  return ObjectSchema.parse(z.toJSONSchema(z.object(shape), { io: 'input' }));
}

/** The fields of `shape` in its own order, as a caller may send them. */
export function parametersOf(shape: z.ZodRawShape): Parameter[] {
  const { properties, required } = jsonSchemaOf(shape);
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    type: schema.type ?? typeof schema.enum?.[0],
    required: required.includes(name),
    defaultValue: schema.default === undefined ? null : JSON.stringify(schema.default),
    allowed: (schema.enum ?? schema.items?.enum)?.map((value) => JSON.stringify(value)) ?? bounds(schema),
    description: schema.description,
  }));
}

/** The allowed values of a field as they are, or an empty list. */
export function valuesOf(shape: z.ZodRawShape, name: string): readonly (string | number | boolean)[] {
  return jsonSchemaOf(shape).properties[name]?.enum ?? [];
}

/** The example that a field gives in its metadata. */
export function exampleOf(shape: z.ZodRawShape, name: string): unknown {
  return jsonSchemaOf(shape).properties[name]?.example;
}
