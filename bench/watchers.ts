/**
 * The watchers of a run, in a process of their own: clients of the live subscription over SSE. The first and the last
 * one look into what they get, the others only read, so that what reading costs is not taken for what writing costs.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { serveCommands } from './commands.js'
import { createSamples, type Percentiles } from './samples.js'

export interface Watching {
  /** The address of the API. */
  url: string
  apiKey: string
  count: number
  /** What is asked for; all statuses when it is absent. */
  status?: string[] | undefined
}

export interface Watched {
  /** The time from a change until the first and the last watcher have it. */
  latencyMs: Percentiles | undefined
  /** Updates that these two got, and the deliveries that each of them saw become SENT. */
  updates: number
  sent: number[]
  /** The number of watchers whose stream is still open. */
  open: number
  megabytes: number
}

export type WatcherCommands = {
  /** Resolves once the service follows for each of them. */
  open(watching: Watching): Promise<void>
  /** Starts the measurement: updates that came before are not counted. */
  measure(): void
  report(): Watched
  close(): void
}

const QUERY = `subscription ($status: [DeliveryStatus!]) {
  deliveryUpdated(status: $status) { id status updatedAt }
}`
const UPDATE = /"id":"([^"]+)","status":"(\w+)","updatedAt":"([^"]+)"/g

let sockets: Socket[] = []
let readers: ReturnType<typeof createReader>[] = []
let bytes = 0
const latencies = createSamples()

/** Reads the updates of one stream. */
function createReader() {
  let rest = ''
  const sent = new Set<string>()
  let updates = 0
  return {
    sent,
    get updates() {
      return updates
    },
    forget() {
      sent.clear()
      updates = 0
    },
    read(text: string): void {
      const now = Date.now()
      const end = (rest + text).lastIndexOf('\n\n')
      const whole = (rest + text).slice(0, end)
      rest = (rest + text).slice(end)
      for (const [, id, status, updatedAt] of whole.matchAll(UPDATE)) {
        updates += 1
        latencies.addUs((now - Date.parse(updatedAt as string)) * 1000)
        if (status === 'SENT') sent.add(id as string)
      }
    },
  }
}

async function openStream({ url, apiKey, status }: Watching, isRead: boolean): Promise<Socket> {
  const { hostname, port, host } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  const body = JSON.stringify({ query: QUERY, variables: { status } })
  socket.write(
    `POST /graphql HTTP/1.1\r\nhost: ${host}\r\nx-api-key: ${apiKey}\r\naccept: text/event-stream\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
  const [head] = (await once(socket, 'data')) as [Buffer]
  if (!head.toString().startsWith('HTTP/1.1 200')) throw new Error(`Not watching: ${head}`)
  const reader = isRead ? createReader() : undefined
  if (reader !== undefined) readers.push(reader)
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    reader?.read(chunk.toString('latin1'))
  })
  socket.on('error', () => socket.destroy())
  return socket
}

const commands: WatcherCommands = {
  async open(watching) {
    commands.close()
    for (let index = 0; index < watching.count; index++)
      sockets.push(await openStream(watching, index === 0 || index === watching.count - 1))
  },
  measure() {
    bytes = 0
    latencies.clear()
    for (const reader of readers) reader.forget()
  },
  report: () => ({
    latencyMs: latencies.percentilesMs(),
    updates: readers.reduce((sum, { updates }) => sum + updates, 0),
    sent: readers.map(({ sent }) => sent.size),
    open: sockets.filter(({ closed, readyState }) => !closed && readyState === 'open').length,
    megabytes: bytes / 1_000_000,
  }),
  close() {
    for (const socket of sockets) socket.destroy()
    sockets = []
    readers = []
  },
}

serveCommands(commands)
