/**
 * Every input is checked by the schema of its route, which is also what OpenAPI shows. A route without a schema for its
 * query or its body takes none: a parameter or a field that nothing reads would be a mistake of the client that nobody
 * notices.
 */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { badInput, type InputError, type ServiceError } from '../errors.js'
import { inputErrors } from '../platform/input-errors.js'

export function checkInputs(app: FastifyInstance): void {
  app.setValidatorCompiler<z.ZodType>(({ schema, httpPart }) => (input) => {
    // Those of headers are for OpenAPI: a route checks the ones it reads.
    if (httpPart === 'headers') return { value: input }
    const { data, error } = parse(schema, input)
    return error ? { error: refusalOf(error, httpPart) } : { value: data }
  })
}

const noParameters = z.strictObject({})
const noBody = noParameters.nullish()

/** For the routes that are added here from now on. */
export function refuseUnreadInputs(app: FastifyInstance): void {
  app.addHook('preValidation', async ({ routeOptions: { schema = {} }, query, body }) => {
    const { error: inBody } = schema.body === undefined ? parse(noBody, body) : {}
    if (inBody) throw refusalOf(inBody, 'body')
    const { error: inQuery } = schema.querystring === undefined ? parse(noParameters, query) : {}
    if (inQuery) throw refusalOf(inQuery, 'querystring')
  })
}

/** The messages tell what is missing from what is of the wrong type by the input. */
const parse = (schema: z.ZodType, input: unknown) => schema.safeParse(input, { reportInput: true })

function refusalOf({ issues }: z.ZodError, httpPart: string | undefined): ServiceError {
  return badInput(inputErrors(issues, httpPart === 'querystring' ? 'parameter' : 'field').map(aboutTheBody))
}

/** Only of a body can the whole be wrong; the other inputs always are objects. */
function aboutTheBody({ path, message }: InputError): InputError {
  return { path, message: path === '' ? `The body ${message}.` : message }
}
