/** The one body that this service reads: JSON, kept as text beside what it means. */
import type { FastifyInstance } from 'fastify'
import { badInput } from '../errors.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The text of the body, as it came. */
    bodyText: string
  }
}

export function readJsonBodies(app: FastifyInstance): void {
  app.decorateRequest('bodyText', '')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    request.bodyText = text as string
    // A client that names the type and sends nothing, as for a retry, means no body.
    if (text === '') return done(null, undefined)
    try {
      done(null, JSON.parse(text as string))
    } catch (error) {
      done(badInput([{ path: '', message: `The body is not valid JSON: ${(error as Error).message}` }]))
    }
  })
}
