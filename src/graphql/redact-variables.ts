/** graphql-js repeats the whole value of a variable that does not fit its type. This removes what may be a secret. */

/** graphql-js, `getVariableValues`. */
const repeatsVariable = /^Variable "\$(\w+)" got invalid value .*secret/is
/** Those of its reasons that name fields and types, and nothing that was given. */
const harmlessReason = /; (Field "\w+" (?:is not defined by type|of required type) [^;]*)$/

export function redactVariables(message: string): string {
  const [, variable] = repeatsVariable.exec(message) ?? []
  if (variable === undefined) return message
  const [, reason = 'It does not fit its type.'] = harmlessReason.exec(message) ?? []
  return `Variable "$${variable}" got an invalid value, which is not repeated because it has to do with a secret. ${reason}`
}
