/**
 * The consumers: endpoints of several tempers on one HTTP server, each behind a network of its own that can fail.
 * They keep an account of every request, and check that each is genuine and whole.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { createResources } from '../../src/platform/resources.js'
import { startProxy, type TcpProxy } from '../support/proxy.js'
import { isIntact } from './events.js'
import type { Random } from './random.js'
import { findSteadyPort } from './steady-port.js'
import { createHealth, type Health, tempers } from './tempers.js'

/** A request as the endpoint saw it; the times are `performance.now()`. */
export interface Received {
  arrivedAt: number
  /** When the answer was given, or the connection lost. */
  endedAt: number
  status: number
}

export interface Endpoint {
  name: string
  url: string
  eventTypes: string[]
  /** Of its subscription; undefined for that of the settings. */
  maxAttempts: number | undefined
  isOrdered: boolean
  network: TcpProxy
  /** By event id, in the order of arrival. */
  received: Map<string, Received[]>
}

export interface Endpoints extends AsyncDisposable {
  all: Endpoint[]
  /** What came that should never have: a bad signature, a body that isn't what was published. */
  spoiled: string[]
  requests: number
  /** Requests that are not answered yet. */
  underWay: number
  /** Those that are ill get well, for good. */
  heal(): void
}

/** The secret of all of them. */
export const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

/** What one that is ill answers. */
const ILL = { status: 500, afterMs: 20 }

/** @param hostOf the name of an endpoint's host; without it, and for the steady one, it is an address */
export async function startEndpoints(random: Random, hostOf?: (name: string) => string): Promise<Endpoints> {
  const resources = createResources()
  const verifier = new Webhook(SECRET)
  const spoiled: string[] = []
  const healths = new Map<string, Health>()
  for (const { name, illness } of tempers) if (illness) healths.set(name, createHealth(illness, random))
  let requests = 0
  let underWay = 0

  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const arrivedAt = performance.now()
    const temper = tempers.find(({ name }) => request.url === `/${name}`)
    const received = all.find(({ name }) => name === temper?.name)?.received
    const body = await readWhole(request)
    // Cut off in the middle: that was no request yet.
    if (body === undefined) return
    requests += 1
    const id = String(request.headers['webhook-id'])
    if (temper === undefined || received === undefined || !isGenuine(request, body)) {
      spoiled.push(`${request.url} ${id} ${body.slice(0, 200)}`)
      response.writeHead(400).end()
      return
    }
    const { status, afterMs = 0 } = healths.get(temper.name)?.isIll() ? ILL : temper.answer(random)
    const account: Received = { arrivedAt, endedAt: Number.POSITIVE_INFINITY, status }
    received.set(id, [...(received.get(id) ?? []), account])
    underWay += 1
    response.once('close', () => {
      account.endedAt = performance.now()
      underWay -= 1
    })
    if (afterMs > 0) setTimeout(() => response.writeHead(status).end(), afterMs)
    else response.writeHead(status).end()
  }

  function isGenuine({ headers }: IncomingMessage, body: string): boolean {
    try {
      verifier.verify(body, headers as Record<string, string>)
      const { id, type, payload } = JSON.parse(body)
      return id === headers['webhook-id'] && isIntact({ type, data: payload.data })
    } catch {
      return false
    }
  }

  const server = createServer((request, response) => void receive(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  resources.use({
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  })
  const serverUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const all: Endpoint[] = []
  for (const { name, eventTypes, maxAttempts, isOrdered = false } of tempers) {
    const network = resources.use(await startProxy(serverUrl, { port: await findSteadyPort() }))
    const url = new URL(name, network.url)
    if (hostOf && name !== 'steady') url.hostname = hostOf(name)
    const own = { name, eventTypes, maxAttempts, isOrdered }
    all.push({ ...own, network, url: url.href, received: new Map() })
  }
  return {
    all,
    spoiled,
    get requests() {
      return requests
    },
    get underWay() {
      return underWay
    },
    heal() {
      for (const health of healths.values()) health.heal()
    },
    [Symbol.asyncDispose]: resources[Symbol.asyncDispose],
  }
}

/** `undefined` when the sender or the network broke off. */
async function readWhole(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks).toString()
  } catch {
    return undefined
  }
}
