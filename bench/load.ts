/**
 * The load: publishes events, in a process of its own. In a closed loop each connection publishes the next event
 * when the one before was answered: how much is there to be had? In an open loop events are due at fixed times,
 * whatever becomes of those before, and each one's time runs from the moment it was due: a service that stalls
 * can't hide behind a load that waits for it.
 */
import { Worker } from 'node:worker_threads'
import { nowUs, SECOND_US } from './clock.js'
import { serveCommands } from './commands.js'
import { type Connection, openConnection } from './connection.js'
import { findStamp, makeBody, writeStamp } from './payload.js'
import { createSamples, type Percentiles } from './samples.js'
import type { EventKind } from './scenarios.js'
import type { Ticks } from './ticker.js'

export interface Destination {
  /** The address of the API. */
  url: string
  apiKey: string
  /** Event n is of kind n modulo their number. */
  kinds: EventKind[]
  bodyBytes: number
  connections: number
}

export interface Published {
  /** The number of the first event. */
  from: number
  /** For each event from the first on: 1 if the answer was 202, otherwise 0. */
  accepted: Uint8Array
  /** Answers that were not 202, by status; 0 stands for none at all. */
  refused: Record<number, number>
  /** The time from the moment when an event was due to its answer. */
  latencyMs: Percentiles | undefined
  startUs: number
  /** When the last answer came. */
  endUs: number
}

export type LoadCommands = {
  aim(destination: Destination): Promise<void>
  /** Publishes on all connections, for so long, or until there are so many events. */
  closedLoop(limit: { seconds: number; events?: number }): Promise<Published>
  openLoop(schedule: { ratePerSecond: number; seconds: number }): Promise<Published>
}

/** A connection, with a prepared request for each kind of event. The sender writes number and time into it. */
interface LoadConnection {
  url: URL
  connection: Connection
  requests: { bytes: Buffer; stampAt: number }[]
}

let loadConnections: LoadConnection[] = []
let published = 0

function prepareRequests({ url, apiKey, kinds, bodyBytes }: Destination): LoadConnection['requests'] {
  const target = new URL('/v1/events', url)
  return kinds.map((kind) => {
    const body = makeBody(kind, bodyBytes)
    const head =
      `POST ${target.pathname} HTTP/1.1\r\nhost: ${target.host}\r\nx-api-key: ${apiKey}\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`
    const bytes = Buffer.from(head + body)
    return { bytes, stampAt: findStamp(bytes) }
  })
}

/** Where there are many kinds, connections share their requests: an event of the same type comes long after. */
const SHARED_FROM_KINDS = 1000

async function openLoadConnections(destination: Destination): Promise<LoadConnection[]> {
  const url = new URL(destination.url)
  const shared = destination.kinds.length < SHARED_FROM_KINDS ? undefined : prepareRequests(destination)
  return Promise.all(
    Array.from({ length: destination.connections }, async () => ({
      url,
      connection: await openConnection(url),
      requests: shared ?? prepareRequests(destination),
    })),
  )
}

/** What comes of the events of one run. */
function createRecord(startUs: number) {
  const from = published
  const latencies = createSamples()
  const refused: Record<number, number> = {}
  let accepted = new Uint8Array(65_536)
  let endUs = startUs

  return {
    /** Publishes the next event. @param dueUs when it was meant to be @param then is called after the answer */
    publish({ connection, requests }: LoadConnection, dueUs: number, then: () => void): void {
      const n = published++
      const request = requests[n % requests.length] as LoadConnection['requests'][number]
      writeStamp(request.bytes, request.stampAt, dueUs, n)
      connection.send(request.bytes, (status) => {
        endUs = nowUs()
        latencies.addUs(endUs - dueUs)
        if (status === 202) noteAccepted(n - from)
        else refused[status] = (refused[status] ?? 0) + 1
        then()
      })
    },
    end: (): Published => ({
      ...{ from, refused, startUs, endUs },
      accepted: accepted.slice(0, published - from),
      latencyMs: latencies.percentilesMs(),
    }),
  }

  function noteAccepted(index: number): void {
    if (index >= accepted.length) {
      const larger = new Uint8Array(Math.max(index + 1, accepted.length * 2))
      larger.set(accepted)
      accepted = larger
    }
    accepted[index] = 1
  }
}

const commands: LoadCommands = {
  async aim(destination) {
    for (const { connection } of loadConnections) connection.close()
    loadConnections = await openLoadConnections(destination)
    published = 0
  },

  async closedLoop({ seconds, events = Number.POSITIVE_INFINITY }) {
    const startUs = nowUs()
    const record = createRecord(startUs)
    const first = published
    const endUs = startUs + seconds * SECOND_US
    const goOn = () => published - first < events && nowUs() < endUs
    await Promise.all(
      loadConnections.map(
        (loadConnection) =>
          new Promise<void>((done) => {
            function next(): void {
              if (loadConnection.connection.isOpen && goOn()) record.publish(loadConnection, nowUs(), next)
              else done()
            }
            next()
          }),
      ),
    )
    return record.end()
  },

  async openLoop({ ratePerSecond, seconds }) {
    const count = Math.round(ratePerSecond * seconds)
    const intervalUs = SECOND_US / ratePerSecond
    // Not at once, so that the ticker is there by then.
    const startUs = nowUs() + SECOND_US / 5
    const record = createRecord(startUs)
    const free = [...loadConnections]
    /** Events that are due while no connection is free; they go as soon as one is. */
    const overdue: number[] = []
    let answered = 0

    await new Promise<void>((done, failed) => {
      const ticks: Ticks = { startUs, intervalUs, count }
      const ticker = new Worker(new URL('./ticker.js', import.meta.url), { workerData: ticks })
      ticker.on('error', failed)
      ticker.on('message', (tick: number) => {
        overdue.push(Math.round(startUs + tick * intervalUs))
        advance()
      })

      async function reopen(loadConnection: LoadConnection): Promise<void> {
        loadConnection.connection = await openConnection(loadConnection.url)
        free.push(loadConnection)
        advance()
      }

      function advance(): void {
        while (overdue.length > 0 && free.length > 0) {
          const loadConnection = free.pop() as LoadConnection
          if (!loadConnection.connection.isOpen) {
            void reopen(loadConnection).catch(failed)
            continue
          }
          record.publish(loadConnection, overdue.shift() as number, () => {
            free.push(loadConnection)
            answered += 1
            if (answered === count) done()
            else advance()
          })
        }
      }
    })
    return record.end()
  },
}

serveCommands(commands)
