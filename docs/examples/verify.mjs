// Verifies a webhook with nothing but Node.js, as Standard Webhooks 1.0.0 describes it.
//
//   node docs/examples/verify.mjs whsec_...     listens on http://127.0.0.1:4000 and verifies what comes

import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import { pathToFileURL } from 'node:url'

const TOLERANCE_SECONDS = 5 * 60

/**
 * Returns what the body says, or throws.
 *
 * @param {string} secret the subscription's
 * @param {Record<string, string | undefined>} headers with names in lower case, as Node.js gives them
 * @param {Buffer} body the very bytes that came: parsed and printed again they may be others
 */
export function verify(secret, headers, body, nowSeconds = Date.now() / 1000) {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers
  if (!id || !timestamp || !signatures) throw new Error('A webhook header is missing')
  if (!/^\d+$/.test(timestamp) || Math.abs(nowSeconds - Number(timestamp)) > TOLERANCE_SECONDS) {
    throw new Error('The timestamp is too far from now')
  }
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret)
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest()
  // There is one signature for each valid secret: several after a change of secret.
  const isSigned = signatures.split(' ').some((signature) => {
    const [version, base64 = ''] = signature.split(',')
    const given = Buffer.from(base64, 'base64')
    return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected)
  })
  if (!isSigned) throw new Error('No signature fits')
  return JSON.parse(body.toString())
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const secret = process.argv[2]
  if (!secret) throw new Error('Give the secret: node docs/examples/verify.mjs whsec_...')
  const say = (line) => process.stdout.write(`${line}\n`)
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray())
    try {
      const event = verify(secret, request.headers, body)
      say(`verified ${event.type} ${event.id} ${JSON.stringify(event.payload)}`)
      response.writeHead(204).end()
    } catch (error) {
      say(`refused: ${error.message}`)
      response.writeHead(400).end()
    }
  })
  server.listen(4000, '127.0.0.1', () => say('listening on http://127.0.0.1:4000'))
}
