/**
 * `npm run demo`: the whole loop in one terminal, in a few seconds: a receiver, a subscription, an event that
 * arrives at once, one whose receiver fails twice, one that is given up, and its retry by hand. Everything is
 * real: the service as `npm start` runs it, PostgreSQL, HTTP, and the signatures.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { Webhook } from 'standardwebhooks'
import { loadConfig } from '../src/config.js'
import { startEmbeddedPostgres } from '../src/platform/embedded-postgres.js'
import { applyMigrations } from '../src/platform/migrations/index.js'
import { startService } from '../src/service.js'

const startedAt = Date.now()
const say = (text: string) =>
  console.log(`${`${((Date.now() - startedAt) / 1000).toFixed(2)} s`.padStart(8)}  ${text}`)

const directory = await mkdtemp(join(tmpdir(), 'node-event-service-demo-'))
// Root's PostgreSQL runs as another user, who has to get in.
await chmod(directory, 0o755)
say('starting PostgreSQL and the service …')
const postgres = await startEmbeddedPostgres({ dataDirectory: join(directory, 'postgres') })
await applyMigrations({ databaseUrl: postgres.url })
const config = loadConfig({
  PORT: '0',
  DELIVERY_MAX_ATTEMPTS: '3',
  DELIVERY_BACKOFF_BASE_SECONDS: '0.4',
  OUTBOX_DISPATCH_INTERVAL_MS: '500',
})
const service = await startService({ ...config, databaseUrl: postgres.url }, pino({ level: 'silent' }))
say(`the service listens on ${service.url}`)

async function call<Body>(method: string, path: string, body?: object): Promise<Body> {
  const headers = { 'x-api-key': 'dev-key-1', ...(body && { 'content-type': 'application/json' }) }
  const response = await fetch(service.url + path, {
    method,
    headers,
    ...(body && { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as Body
}

/** What the receiver answers, by the type of the event and how often it has come. */
const answers: Record<string, (attempt: number) => number> = {
  'order.paid': () => 200,
  'order.shipped': (attempt) => (attempt <= 2 ? 500 : 200),
  'order.lost': (attempt) => (attempt <= 3 ? 503 : 200),
}

let secret = ''
const attempts = new Map<string, number>()
const receiver = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks).toString()
  // Throws when the signature is wrong: the reference library decides, not code of ours.
  const event = new Webhook(secret).verify(body, request.headers as Record<string, string>) as {
    type: string
  }
  const attempt = (attempts.get(event.type) ?? 0) + 1
  attempts.set(event.type, attempt)
  const status = answers[event.type]?.(attempt) ?? 200
  say(`    ${event.type.padEnd(14)} attempt ${attempt}   signature verified   answered ${status}`)
  response.writeHead(status).end()
})
await new Promise<void>((listening) => receiver.listen(0, '127.0.0.1', listening))
const endpointUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/webhooks`

const subscription = await call<{ secret: string }>('POST', '/v1/subscriptions', {
  endpointUrl,
  eventTypes: Object.keys(answers),
})
secret = subscription.secret
say(`subscribed ${endpointUrl} to ${Object.keys(answers).join(', ')}`)

interface Summary {
  status: string
}

/** Waits until an event is no longer PENDING or PROCESSING. */
async function settled(eventId: string): Promise<string> {
  for (;;) {
    const { status } = await call<Summary>('GET', `/v1/events/${eventId}/summary`)
    if (status !== 'PENDING' && status !== 'PROCESSING') return status
    await pause(20)
  }
}

async function publish(type: string, remark: string): Promise<string> {
  say(`publish ${type} — ${remark}`)
  const { eventId } = await call<{ eventId: string }>('POST', '/v1/events', {
    type,
    data: { orderId: 'o_1' },
  })
  say(`  ${type} is ${await settled(eventId)}`)
  return eventId
}

await publish('order.paid', 'its receiver is well')
await publish('order.shipped', 'its receiver fails twice')
const lost = await publish(
  'order.lost',
  'its receiver never recovers: after three attempts it is a dead letter',
)
say('retry the dead letter by hand, now that its receiver is well again')
await call('POST', `/v1/deliveries/events/${lost}/retry`)
say(`  order.lost is ${await settled(lost)}`)

receiver.close()
receiver.closeAllConnections()
await service[Symbol.asyncDispose]()
await postgres.stop()
await rm(directory, { recursive: true, force: true })
say('done. Start the service for yourself: npm start')
