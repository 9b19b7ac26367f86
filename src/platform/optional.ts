import type { z } from 'zod'

/**
 * A field that may be absent, and can't be null: null counts as absent, because clients in Go, Java and C# send it for
 * what they leave out.
 */
export const optional = <Schema extends z.ZodType>(schema: Schema) =>
  schema
    .nullable()
    .transform((value) => value ?? undefined)
    .optional()
