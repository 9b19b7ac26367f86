/** Every input is checked by the schema of its route, which is also what OpenAPI shows. */
import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'
import { badInput, type InputError } from '../errors.js'
import { inputErrors } from '../platform/input-errors.js'

export function checkInputs(app: FastifyInstance): void {
  app.setValidatorCompiler<z.ZodType>(({ schema, httpPart }) => (input) => {
    // Those of headers are for OpenAPI: a route checks the ones it reads.
    if (httpPart === 'headers') return { value: input }
    // The messages tell what is missing from what is of the wrong type by the input.
    const { data, error } = schema.safeParse(input, { reportInput: true })
    return error ? { error: badInput(inputErrors(error.issues).map(aboutTheBody)) } : { value: data }
  })
}

/** Only of a body can the whole be wrong; the other inputs always are objects. */
function aboutTheBody({ path, message }: InputError): InputError {
  return { path, message: path === '' ? `The body ${message}.` : message }
}
