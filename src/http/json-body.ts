/** Reads JSON bodies; only the events route takes another type, CloudEvents. Keeps the text beside the parsed value. */
import { isUtf8 } from 'node:buffer'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { badInput, ServiceError } from '../errors.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The unchanged text of the body. */
    bodyText: string
  }
}

export function readJsonBodies(app: FastifyInstance): void {
  app.decorateRequest('bodyText', '')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, parseJsonBody)
}

type Done = (error: Error | null, body?: unknown) => void

export function parseJsonBody(request: FastifyRequest, bytes: Buffer, done: Done): void {
  // Some clients send the content type without a body, for example for a retry. This means no body.
  if (bytes.length === 0) return void done(null, undefined)
  const charset = charsetOf(request.headers['content-type'])
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8')
    return void done(
      new ServiceError('UNSUPPORTED_MEDIA_TYPE', 'JSON is read as UTF-8 only (RFC 8259 §8.1).'),
    )
  // Decoding would replace a broken character by another one, and the service would deliver the replacement.
  if (!isUtf8(bytes)) return void done(badBody('The body is not valid UTF-8.'))
  request.bodyText = bytes.toString()
  try {
    done(null, JSON.parse(request.bodyText))
  } catch (error) {
    done(badBody(`The body is not valid JSON: ${(error as Error).message}`))
  }
}

const badBody = (message: string): ServiceError => badInput([{ path: '', message }])

/** The `charset` of a media type, in lower case, quoted or not (RFC 9110 §5.6.6). */
const charsetOf = (mediaType = ''): string | undefined =>
  /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(mediaType)?.[1]?.toLowerCase()
