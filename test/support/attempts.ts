/**
 * One attempt without the rest of the service: a sender on real sockets, and an endpoint that does what a test says.
 */
import type { TlsOptions } from 'node:tls'
import { afterEach, beforeEach, expect } from 'vitest'
import { decideOutcome } from '../../src/delivery-engine/attempt/outcome.js'
import {
  createSender,
  type Exchange,
  type Sender,
  type SenderOptions,
} from '../../src/delivery-engine/attempt/sender.js'
import { createEgressGuard } from '../../src/delivery-engine/egress/egress-guard.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { machineClock } from './clock.js'
import { answer, type Behaviour, type HostileEndpoint, startHostileEndpoint } from './hostile-endpoint.js'

/** The deadline of attempts that end by themselves, however busy the machine is. */
export const LONG_MS = 20_000
/** The deadline of attempts that only the deadline ends. */
export const SHORT_MS = 1000

export const ok = (headers: string, body = '') => `HTTP/1.1 200 OK\r\n${headers}\r\n\r\n${body}`
export const chunked = (body: string) => ok('transfer-encoding: chunked', body)

/** An answer of this status without a body. @param headers whole lines, each with its line break */
export const statusLine = (status: string, headers = '') =>
  answer(`HTTP/1.1 ${status}\r\n${headers}content-length: 0\r\n\r\n`)

export interface AttemptSetup {
  /** What a test opens is closed after it. */
  use: Resources['use']
  /** May connect to this machine unless it is given another guard. */
  startSender(options?: Partial<SenderOptions>): Sender
  startEndpoint(behave: Behaviour, tls?: TlsOptions): Promise<HostileEndpoint>
}

/** To be called once in a test file, outside of its tests. */
export function setUpAttempts(): AttemptSetup {
  let resources: Resources
  beforeEach(() => {
    resources = createResources()
  })
  afterEach(() => resources[Symbol.asyncDispose]())
  const guard = createEgressGuard({ allowedCidrs: ['127.0.0.0/8', '::1/128'] })
  return {
    use: (resource) => resources.use(resource),
    startSender: (options = {}) =>
      resources.use(createSender({ guard, timeoutMs: LONG_MS, clock: machineClock, ...options })),
    startEndpoint: async (behave, tls) => resources.use(await startHostileEndpoint(behave, tls)),
  }
}

export const post = (sender: Sender, endpointUrl: string, body = '{"id":"evt"}'): Promise<Exchange> =>
  sender.send({
    endpointUrl,
    id: 'evt',
    body: Buffer.from(body),
    signingKeys: () => [Buffer.from('key')],
  })

/** What becomes of a delivery whose first of ten attempts was this. */
export const verdictOn = (exchange: Exchange) =>
  decideOutcome(
    exchange,
    1,
    { maxAttempts: 10, backoffBaseSeconds: 1, backoffMaxSeconds: 1 },
    machineClock.now(),
  )

export function toBeGone(endpoint: HostileEndpoint) {
  endpoint.readOn()
  return expect.poll(() => endpoint.open, { timeout: 25_000, interval: 20 }).toBe(0)
}
