/**
 * GraphiQL's page as it is sent: nine megabytes, made once for all who open it, compressed, and not sent again to a
 * browser that has it. Nobody needs a key for it, so what an answer takes must not grow with the number of those who
 * ask.
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

/** @param apiKey what the page starts with; only ever the key that development has by default */
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
 * The page runs its own scripts, which the policy names by their hashes (CSP Level 3, "script-src"), asks only this
 * service, and is shown in no other page's frame. The editor makes styles of its own and workers from blobs.
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

/** What a browser says of encodings never weighs one against another, so the smaller one that it takes is sent. */
function acceptedEncoding(header: string | string[] | undefined): Encoding {
  const accepted = String(header ?? '')
    .split(',')
    .filter((item) => !/;\s*q=0(\.0*)?\s*$/.test(item))
    .map((item) => item.split(';')[0]?.trim())
  return accepted.includes('br') ? 'br' : accepted.includes('gzip') ? 'gzip' : 'identity'
}
