/**
 * Sends GraphiQL's page of nine megabytes. The process makes and compresses the page once for all browsers, and does
 * not send it again to a browser with a current copy. The page needs no API key, so the memory and time for it must
 * not grow with the number of requests.
 */
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { renderGraphiQLPage } from '../graphql/graphiql.js'

type Encoding = 'br' | 'gzip' | 'identity'

interface Page {
  etag: string
  contentSecurityPolicy: string
  bodies: Record<Encoding, Buffer>
}

export interface GraphiQLPage {
  send(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply>
}

/** @param apiKey the page starts with this key; it may only be the default key of development */
export function createGraphiQLPage(apiKey: string | undefined): GraphiQLPage {
  let page: Promise<Page> | undefined
  return {
    async send({ headers }, reply) {
      page ??= makePage(apiKey)
      const { etag, contentSecurityPolicy, bodies } = await page
      reply.headers({
        etag,
        vary: 'accept-encoding',
        'cache-control': 'no-cache',
        'content-security-policy': contentSecurityPolicy,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
      })
      if (headers['if-none-match']?.includes(etag)) return reply.code(304).send()
      const encoding = acceptedEncoding(headers['accept-encoding'])
      if (encoding !== 'identity') reply.header('content-encoding', encoding)
      return reply.type('text/html; charset=utf-8').send(bodies[encoding])
    },
  }
}

async function makePage(apiKey: string | undefined): Promise<Page> {
  const html = await renderGraphiQLPage(apiKey)
  const identity = Buffer.from(html)
  const [br, gzipped] = await Promise.all([
    promisify(brotliCompress)(identity, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
    promisify(gzip)(identity),
  ])
  return {
    etag: `W/"${createHash('sha256').update(identity).digest('base64url')}"`,
    contentSecurityPolicy: policyOf(html),
    bodies: { br, gzip: gzipped, identity },
  }
}

/**
 * The page may run only its own scripts, named by their hashes (CSP Level 3, "script-src"). It may send requests only
 * to this service, and no other page may frame it. The editor creates its own styles, and workers from blobs.
 */
function policyOf(html: string): string {
  const scripts = [...html.matchAll(/<script>(.*?)<\/script>/gs)].map(([, script = '']) => script)
  const hashes = scripts.map((script) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`)
  return [
    "default-src 'none'",
    `script-src ${hashes.join(' ')}`,
    "style-src 'unsafe-inline'",
    'img-src data:',
    'font-src data:',
    'worker-src blob:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

/** Browsers give their encodings no different weights, so the smallest accepted encoding is sent. */
function acceptedEncoding(header: string | string[] | undefined): Encoding {
  const accepted = String(header ?? '')
    .split(',')
    .filter((item) => !/;\s*q=0(\.0*)?\s*$/.test(item))
    .map((item) => item.split(';')[0]?.trim())
  return accepted.includes('br') ? 'br' : accepted.includes('gzip') ? 'gzip' : 'identity'
}
