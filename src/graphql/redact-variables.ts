/** graphql-js repeats the whole value of a variable with a wrong type. This module removes a possible secret. */

/** The message of `getVariableValues` in graphql-js. */
const repeatsVariable =
  /^Variable "\$(\w+)" got invalid value .*(?:secret|auth|password|token|private ?key)/is
/** The reasons with names of fields and types only. They repeat no part of the given value. */
const harmlessReason = /; (Field "\w+" (?:is not defined by type|of required type) [^;]*)$/

export function redactVariables(message: string): string {
  const [, variable] = repeatsVariable.exec(message) ?? []
  if (variable === undefined) return message
  const [, reason = 'It does not fit its type.'] = harmlessReason.exec(message) ?? []
  return `Variable "$${variable}" got an invalid value, which is not repeated because it has to do with a secret. ${reason}`
}
