/**
 * What both reference relays have in common: taking events over HTTP, and posting webhooks. As lean as it gets in
 * Node.js: no framework, no checks, no signature.
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent } from 'undici'

export interface Endpoint {
  url: string
  eventTypes: string[]
  tenant?: string | undefined
}

/** What a relay is told at its start. */
export interface RelayOptions {
  endpoints: Endpoint[]
  /** The address of the database. Relays without a database ignore it. */
  databaseUrl: string
}

export type RelayCommands = {
  /** @returns the URL of its API */
  start(options: RelayOptions): Promise<string>
  /** How many events it took and hasn't finished. */
  open(): number
}

export interface RelayedEvent {
  id: string
  type: string
  createdAt: string
  payload: { data: unknown; metadata: unknown }
}

/** Answers 202 to each event once `take` has resolved. @returns the URL of the API */
export async function takeEvents(take: (event: RelayedEvent) => Promise<void> | void): Promise<string> {
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', async () => {
      const { type, data, metadata } = JSON.parse(Buffer.concat(chunks).toString())
      const event = {
        id: randomUUID(),
        type,
        createdAt: new Date().toISOString(),
        payload: { data, metadata },
      }
      await take(event)
      const answer = JSON.stringify({ eventId: event.id, status: 'PENDING' })
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) }
      response.writeHead(202, headers).end(answer)
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** As many requests in flight as the service allows to one endpoint. */
const CONNECTIONS = 128

/** Posts to every endpoint that wants the event. @returns a function that resolves once all have answered 2xx */
export function createPoster(endpoints: Endpoint[]): (event: RelayedEvent) => Promise<void> {
  const agent = new Agent({ connections: CONNECTIONS, keepAliveTimeout: 60_000 })
  const targets = endpoints.map(({ url, eventTypes }) => {
    const { origin, pathname } = new URL(url)
    return { origin, pathname, eventTypes: new Set(eventTypes) }
  })

  async function post(origin: string, path: string, id: string, body: string): Promise<void> {
    const headers = { 'content-type': 'application/json', 'webhook-id': id }
    const { statusCode, body: answer } = await agent.request({ origin, path, method: 'POST', headers, body })
    await answer.dump()
    if (statusCode >= 300) throw new Error(`An endpoint answered ${statusCode}`)
  }

  return async (event) => {
    const body = JSON.stringify(event)
    const wanting = targets.filter(({ eventTypes }) => eventTypes.has(event.type))
    await Promise.all(wanting.map(({ origin, pathname }) => post(origin, pathname, event.id, body)))
  }
}
