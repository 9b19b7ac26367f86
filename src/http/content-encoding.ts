/**
 * Bodies that come compressed (`Content-Encoding`, RFC 9110 §8.4): gzip and br are decoded as they arrive, and what
 * comes out counts towards the limit of a body, so a small bomb is refused like a large body. Another encoding is 415,
 * with an `Accept-Encoding` that names these (RFC 9110 §15.5.16).
 */
import { createBrotliDecompress, createGunzip } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { ServiceError } from '../errors.js'

const decoders = { gzip: createGunzip, 'x-gzip': createGunzip, br: createBrotliDecompress }
const ACCEPTED = 'gzip, br'

/** The code of an error about a body that isn't in the encoding that its header names. */
export const UNDECODABLE_BODY = 'UNDECODABLE_BODY'

export function decodeBodies(app: FastifyInstance): void {
  app.addHook('preParsing', async (request, reply, payload) => {
    const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
    if (encoding === 'identity' || encoding === '') return payload
    if (!isDecodable(encoding)) {
      reply.header('accept-encoding', ACCEPTED)
      throw new ServiceError(
        'UNSUPPORTED_MEDIA_TYPE',
        `Bodies in the content-encoding ${JSON.stringify(encoding.slice(0, 50))} are not read; send ${ACCEPTED} or none.`,
      )
    }
    const decoder = decoders[encoding]()
    // Fastify compares this with `content-length`, which counts the bytes as they were sent.
    Object.defineProperty(decoder, 'receivedEncodedLength', { get: () => decoder.bytesWritten })
    decoder.once('error', (error) => Object.assign(error, { code: UNDECODABLE_BODY }))
    payload.once('error', (error) => decoder.destroy(error))
    // An answer may come before the end of the body, as 413 does: nobody needs the rest decoded.
    reply.raw.once('close', () => decoder.destroy())
    decoder.once('close', () => payload.unpipe(decoder).resume())
    return payload.pipe(decoder)
  })
}

const isDecodable = (encoding: string): encoding is keyof typeof decoders => Object.hasOwn(decoders, encoding)
