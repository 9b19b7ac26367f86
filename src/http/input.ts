/**
 * The schema of a route checks every input, and OpenAPI shows the same schema. A route without a schema for its query
 * or its body refuses any: otherwise a client would not notice its mistake when no code reads a parameter or a field.
 */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { badInput, type InputError, type ServiceError } from '../errors.js'
import { inputErrors } from '../platform/input-errors.js'

export function checkInputs(app: FastifyInstance): void {
  app.setValidatorCompiler<z.ZodType>(({ schema, httpPart }) => validatorOf(schema, httpPart))
}

export const validatorOf = (schema: z.ZodType, httpPart: string | undefined) => (input: unknown) => {
  // Schemas of headers are only for OpenAPI. A route checks its headers itself.
  if (httpPart === 'headers') return { value: input }
  const { data, error } = parse(schema, input)
  return error ? { error: refusalOf(error, httpPart) } : { value: data }
}

const noParameters = z.strictObject({})
const noBody = noParameters.nullish()

/** Applies to the routes added to `app` from now on. */
export function refuseUnreadInputs(app: FastifyInstance): void {
  app.addHook('preValidation', ({ routeOptions: { schema = {} }, query, body }, _reply, done) => {
    const { error: inBody } = schema.body === undefined ? parse(noBody, body) : {}
    if (inBody) throw refusalOf(inBody, 'body')
    const isQueryUnread = schema.querystring === undefined && Object.keys(query as object).length > 0
    const { error: inQuery } = isQueryUnread ? parse(noParameters, query) : {}
    if (inQuery) throw refusalOf(inQuery, 'querystring')
    done()
  })
}

/** The messages need the input to distinguish a missing value from a value of the wrong type. */
const parse = (schema: z.ZodType, input: unknown) => schema.safeParse(input, { reportInput: true })

function refusalOf({ issues }: z.ZodError, httpPart: string | undefined): ServiceError {
  return badInput(inputErrors(issues, httpPart === 'querystring' ? 'parameter' : 'field').map(aboutTheBody))
}

/** Only a body can be wrong as a whole. The other inputs are always objects. */
function aboutTheBody({ path, message }: InputError): InputError {
  return { path, message: path === '' ? `The body ${message}.` : message }
}
