/** Connections to an endpoint: those that are used again, those that cannot be made, and names that have no address. */
import { describe, expect, it } from 'vitest'
import { NameLookupError } from '../../src/delivery-engine/dns/name-lookup-error.js'
import { createEgressGuard } from '../../src/delivery-engine/egress/egress-guard.js'
import { ok, post, SHORT_MS, setUpAttempts } from '../support/attempts.js'
import { answer, type Behaviour } from '../support/hostile-endpoint.js'
import { namesFrom } from '../support/names.js'

const { startSender, startEndpoint } = setUpAttempts()

it('two equal lengths leave the connection in use, for a body that repeats them', async () => {
  const body = '\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n'
  const lengths = `content-length: ${body.length}\r\n`.repeat(2)
  const endpoint = await startEndpoint(answer(ok(lengths.trim(), body)))
  const sender = startSender()
  for (let count = 1; count <= 6; count += 1)
    expect(await post(sender, endpoint.url)).toMatchObject({ statusCode: 200, error: null })
  // The first connection is used again only in a later turn of the event loop.
  expect(endpoint.connections).toBeLessThanOrEqual(2)
})

describe('a connection that the endpoint closes while it is idle', () => {
  /** Answers the first request of each connection, and closes it as soon as a second begins. */
  const closeAtReuse: Behaviour = (socket) => {
    let requests = 0
    socket.on('data', () => {
      requests += 1
      if (requests > 1) socket.destroy()
      else socket.write(ok('content-length: 2', 'ok'))
    })
  }

  it('costs no attempt: the request is sent once more, on a new one', async () => {
    const endpoint = await startEndpoint(closeAtReuse)
    const sender = startSender()
    for (let count = 1; count <= 3; count += 1)
      expect(await post(sender, endpoint.url)).toMatchObject({ statusCode: 200, error: null })
    expect(endpoint.connections).toBeLessThanOrEqual(4)
  })

  it('is a failure when a new connection is closed as well', async () => {
    let isOpen = true
    const endpoint = await startEndpoint((socket, ...rest) =>
      isOpen ? closeAtReuse(socket, ...rest) : void socket.destroy(),
    )
    const sender = startSender()
    expect(await post(sender, endpoint.url)).toMatchObject({ statusCode: 200 })
    isOpen = false
    expect(await post(sender, endpoint.url)).toMatchObject({ statusCode: null })
    expect(endpoint.connections).toBe(2)
  })
})

it('an address that this machine can not connect to is named without its ports', async () => {
  const guard = createEgressGuard({ allowedCidrs: ['fe80::/10'] })
  const sender = startSender({ guard })
  const { error } = await post(sender, 'http://[fe80::1]/')
  // The second where the machine has no IPv6 at all.
  expect(error).toMatch(
    /^this machine has no way to connect to the address of the endpoint \(EINVAL\)$|^the endpoint can not be reached/,
  )
})

describe('names', () => {
  const lookingUpBy = (find: () => Promise<never>) =>
    startSender({
      guard: createEgressGuard({ allowedCidrs: [] }),
      names: namesFrom(find),
      timeoutMs: SHORT_MS,
    })

  it('that are never looked up', async () => {
    const sender = lookingUpBy(() => new Promise(() => {}))
    const exchange = await post(sender, 'https://slow.test/')
    const error = `no address of the endpoint's name within ${SHORT_MS} ms`
    expect(exchange).toMatchObject({ statusCode: null, error })
  })

  it.each([
    ['ENOTFOUND', 'the name of the endpoint has no address (ENOTFOUND)'],
    ['EAI_AGAIN', 'the name of the endpoint could not be looked up (EAI_AGAIN)'],
    ['ETIMEOUT', 'the name servers did not answer for the name of the endpoint (ETIMEOUT)'],
  ] as const)('that end in %s', async (code, error) => {
    const sender = lookingUpBy(() => Promise.reject(new NameLookupError(code, 'missing.test')))
    expect(await post(sender, 'https://missing.test/')).toMatchObject({ statusCode: null, error })
  })
})
