/**
 * The receiver: all endpoints of a run, told apart by path, in a process of its own. It knows when each webhook
 * was published, by the stamp in its payload, and how often it has come; so latency, losses and duplicates are
 * measured here, where webhooks arrive, and not where they are sent.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { nowUs } from './clock.js'
import { serveCommands } from './commands.js'
import { readStamp } from './payload.js'
import { createSamples, type Percentiles } from './samples.js'

/** What an endpoint does with a webhook: answers 200, never answers, or answers 500. */
export type Behaviour = 'ok' | 'hang' | 'fail'

export interface Arrivals {
  /** For each endpoint, how often event n has come, at index n divided by the number of event types. */
  counts: Uint8Array[]
  /** The time from an event's publication to its arrival, at endpoints that answer. */
  latencyMs: Percentiles | undefined
  firstUs: number
  /** When the last webhook came that hadn't come before, at an endpoint that is well. */
  lastUs: number
}

export type ReceiverCommands = {
  /** Opens endpoints `/e/0`, `/e/1`, … and forgets all before. @returns the port */
  open(endpoints: Opened): Promise<number>
  /** Counts arrivals from event n on. Earlier events were for the warm-up. */
  measureFrom(n: number): void
  /** How many events have arrived at endpoints that are well, each counted once at each. */
  progress(): number
  report(): Arrivals
}

export interface Opened {
  behaviours: Behaviour[]
  /** The number of addresses of this machine that they are spread over. */
  hosts: number
  /** The number of event types: an endpoint gets one of them, or there is only one. */
  types: number
}

interface Endpoint {
  behaviour: Behaviour
  counts: Uint8Array
}

let endpoints: Endpoint[] = []
let types = 1
let measuredFrom = 0
let arrived = 0
let firstUs = 0
let lastUs = 0
const latencies = createSamples()

const EVENTS_AT_FIRST = 65_536
/** The number of connections that may wait to be accepted. */
const BACKLOG = 4096

function note(endpoint: Endpoint, body: Buffer): void {
  const arrivedAtUs = nowUs()
  const { sentAtUs, n } = readStamp(body)
  const index = Math.floor(n / types)
  if (index >= endpoint.counts.length) endpoint.counts = enlarge(endpoint.counts, index)
  const count = (endpoint.counts[index] ?? 0) + 1
  endpoint.counts[index] = Math.min(count, 255)
  if (endpoint.behaviour !== 'ok' || n < measuredFrom || count > 1) return
  arrived += 1
  if (firstUs === 0) firstUs = arrivedAtUs
  lastUs = arrivedAtUs
  latencies.addUs(arrivedAtUs - sentAtUs)
}

function enlarge(counts: Uint8Array, index: number): Uint8Array {
  const larger = new Uint8Array(Math.max(index + 1, counts.length * 2))
  larger.set(counts)
  return larger
}

const statuses = { ok: 200, fail: 500 }

function serve(request: IncomingMessage, response: ServerResponse): void {
  const endpoint = endpoints[Number(request.url?.slice('/e/'.length))]
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    if (endpoint === undefined) return void response.writeHead(404).end()
    note(endpoint, chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks))
    if (endpoint.behaviour !== 'hang')
      response.writeHead(statuses[endpoint.behaviour], { 'content-length': 0 }).end()
  })
}

// Endpoints keep connections for longer than any run pauses.
const server = createServer({ keepAliveTimeout: 60_000 }, serve)
// Who hangs up in the middle is no trouble of ours.
server.on('clientError', (_error, socket) => socket.destroy())

/** All addresses of the machine only where endpoints are on more than one. */
async function listenOn(host: string): Promise<number> {
  const listening = server.address() as AddressInfo | null
  if (listening?.address === host) return listening.port
  if (listening !== null) {
    server.closeAllConnections()
    await once(server.close(), 'close')
  }
  await once(server.listen({ host, port: 0, backlog: BACKLOG }), 'listening')
  return (server.address() as AddressInfo).port
}

const commands: ReceiverCommands = {
  async open(opened) {
    types = opened.types
    const room = Math.ceil(EVENTS_AT_FIRST / types)
    endpoints = opened.behaviours.map((behaviour) => ({ behaviour, counts: new Uint8Array(room) }))
    commands.measureFrom(0)
    return listenOn(opened.hosts === 1 ? '127.0.0.1' : '0.0.0.0')
  },
  measureFrom(n) {
    measuredFrom = n
    arrived = 0
    firstUs = 0
    lastUs = 0
    latencies.clear()
  },
  progress: () => arrived,
  report: () => ({
    counts: endpoints.map(({ counts }) => counts),
    latencyMs: latencies.percentilesMs(),
    firstUs,
    lastUs,
  }),
}

serveCommands(commands)
