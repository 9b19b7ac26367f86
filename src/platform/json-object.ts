export type JsonObject = Record<string, unknown>

/** Of what `JSON.parse` gives: an object, and neither null nor an array. */
export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
