/**
 * Endpoints of several addresses, not all of which answer: IPv6 without a way there, and networks that swallow packets.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSender, type Exchange } from '../../src/delivery-engine/attempt/sender.js'
import { createEgressGuard } from '../../src/delivery-engine/egress/egress-guard.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { startBlackHole } from '../support/black-hole.js'
import { machineClock } from '../support/clock.js'
import { namesFrom } from '../support/names.js'
import { startReceiver } from '../support/receiver.js'
import { TIMER_EARLY_MS } from '../support/timed.js'

const TIMEOUT_MS = 20_000
/** RFC 8305's delay, and what a busy machine adds. */
const QUICK_MS = 5000

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

/** Delivers to a name that the resolver answers with these addresses, in this order. */
function deliver(port: number, addresses: string[]): Promise<Exchange> {
  const names = namesFrom(() => addresses)
  const guard = createEgressGuard({ allowedCidrs: ['127.0.0.0/8', '::1/128'] })
  const sender = resources.use(createSender({ guard, names, timeoutMs: TIMEOUT_MS, clock: machineClock }))
  const endpointUrl = `http://hooks.test:${port}/`
  return sender.send({
    endpointUrl,
    id: 'evt',
    body: Buffer.from('{}'),
    signingKeys: () => [Buffer.from('key')],
  })
}

async function listenOn(address: string, port: number) {
  const server = createServer((_, response) => void response.end()).listen(port, address)
  resources.use(server)
  await once(server, 'listening')
}

describe('an endpoint of several addresses', () => {
  it('is reached by IPv4 where IPv6 is refused, and the other way round', async () => {
    const { url } = resources.use(await startReceiver())
    const port = Number(new URL(url).port)
    for (const addresses of [
      ['::1', '127.0.0.1'],
      ['127.0.0.9', '::1', '127.0.0.1'],
      ['127.0.0.1', '::1'],
    ]) {
      const exchange = await deliver(port, addresses)
      expect(exchange).toMatchObject({ statusCode: 200, error: null })
      expect(exchange.responseTimeMs).toBeLessThan(QUICK_MS)
    }
  })

  it.each(['::1', '127.0.0.2'])(
    'is reached by 127.0.0.1 soon where %s swallows what is sent',
    async (address) => {
      const hole = resources.use(await startBlackHole(address))
      await listenOn('127.0.0.1', hole.port)
      const exchange = await deliver(hole.port, [address, '127.0.0.1'])
      expect(exchange).toMatchObject({ statusCode: 200, error: null })
      expect(exchange.responseTimeMs).toBeGreaterThanOrEqual(250 - TIMER_EARLY_MS)
      expect(exchange.responseTimeMs).toBeLessThan(QUICK_MS)
    },
  )

  it('is reached by one that takes long, when the others are refused meanwhile', async () => {
    const slow = resources.use(await startBlackHole('127.0.0.2'))
    const exchange = deliver(slow.port, ['127.0.0.2', '::1', '127.0.0.9'])
    // Long after the others were tried: time is what this is about.
    await pause(1000)
    slow.letGo()
    expect(await exchange).toMatchObject({ statusCode: 200, error: null })
  })

  it('tells of the refusal when all are lost', async () => {
    const { port } = resources.use(await startBlackHole('127.0.0.2'))
    expect(await deliver(port, ['::1', '127.0.0.9'])).toMatchObject({
      statusCode: null,
      error: 'the endpoint refused the connection (ECONNREFUSED)',
    })
  })

  it('is not reached by an address that the guard refuses, whatever else fails', async () => {
    const hole = resources.use(await startBlackHole('127.0.0.2'))
    await listenOn('127.0.0.1', hole.port)
    const names = namesFrom(() => ['127.0.0.1', '127.0.0.9'])
    const guard = createEgressGuard({ allowedCidrs: ['127.0.0.9/32'] })
    const sender = resources.use(createSender({ guard, names, timeoutMs: TIMEOUT_MS, clock: machineClock }))
    const endpointUrl = `http://hooks.test:${hole.port}/`
    const webhook = {
      endpointUrl,
      id: 'evt',
      body: Buffer.from('{}'),
      signingKeys: () => [Buffer.from('key')],
    }
    expect(await sender.send(webhook)).toMatchObject({ error: expect.stringContaining('ECONNREFUSED') })
  })
})
