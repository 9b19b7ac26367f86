/** The type that a body of a route is sent as: JSON where it takes that. @param content as in its OpenAPI document */
export const bodyTypeOf = (content: object = {}): string =>
  'application/json' in content ? 'application/json' : (Object.keys(content)[0] ?? 'application/json')
