/**
 * Decodes compressed bodies (`Content-Encoding`, RFC 9110 §8.4). The decoders for gzip and br work while the body
 * arrives. The decoded bytes count towards the body limit, so a small decompression bomb is refused like a large body.
 * Another encoding is refused with 415 and an `Accept-Encoding` header with the known ones (RFC 9110 §15.5.16).
 */
import { createBrotliDecompress, createGunzip } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { ServiceError } from '../errors.js'

const decoders = { gzip: createGunzip, 'x-gzip': createGunzip, br: createBrotliDecompress }
const ACCEPTED = 'gzip, br'

/** Error code of a body that cannot be decoded by the encoding in its header. */
export const UNDECODABLE_BODY = 'UNDECODABLE_BODY'

export function decodeBodies(app: FastifyInstance): void {
  app.addHook('preParsing', (request, reply, payload, done) => {
    const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
    if (encoding === 'identity' || encoding === '') return done(null, payload)
    if (!isDecodable(encoding)) {
      reply.header('accept-encoding', ACCEPTED)
      throw new ServiceError(
        'UNSUPPORTED_MEDIA_TYPE',
        `Bodies in the content-encoding ${JSON.stringify(encoding.slice(0, 50))} are not read; send ${ACCEPTED} or none.`,
      )
    }
    const decoder = decoders[encoding]()
    // Fastify compares this with `content-length`, the number of encoded bytes.
    Object.defineProperty(decoder, 'receivedEncodedLength', { get: () => decoder.bytesWritten })
    decoder.once('error', (error) => Object.assign(error, { code: UNDECODABLE_BODY }))
    payload.once('error', (error) => decoder.destroy(error))
    // An answer such as 413 may come before the end of the body. The rest then needs no decoding.
    reply.raw.once('close', () => decoder.destroy())
    decoder.once('close', () => payload.unpipe(decoder).resume())
    done(null, payload.pipe(decoder))
  })
}

const isDecodable = (encoding: string): encoding is keyof typeof decoders => Object.hasOwn(decoders, encoding)
