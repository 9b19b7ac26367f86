/** Producers that publish all the time over connections that they keep, and count what they are answered. */
import http from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { TEST_KEY } from './client.js'

export interface Producers {
  /** Requests by what became of them: `202`, another status, or what happened to the connection. */
  outcomes: Record<string, number>
  /** Resolves once the last of them has its answer. */
  stop(): Promise<void>
}

const CLIENTS = 30
/** At most, between two requests of one client. */
const LONGEST_PAUSE_MS = 200
const BODY = '{"type":"user.created","data":{}}'

/** @param urls of alike processes: a client takes them in turn, and another where a connection is refused */
export function startProducers(urls: string[]): Producers {
  const outcomes: Record<string, number> = {}
  let isOver = false

  async function produce(first: number): Promise<void> {
    const agents = urls.map(() => new http.Agent({ keepAlive: true, maxSockets: 1 }))
    const publishAt = (turn: number) => {
      const index = turn % urls.length
      return publish(urls[index] as string, agents[index] as http.Agent)
    }
    for (let turn = first; !isOver; turn += 1) {
      let outcome = await publishAt(turn)
      for (let other = 1; outcome === REFUSED && other < urls.length; other += 1)
        outcome = await publishAt(turn + other)
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
      await pause(Math.random() * LONGEST_PAUSE_MS)
    }
    for (const agent of agents) agent.destroy()
  }

  const clients = Array.from({ length: CLIENTS }, (_, index) => produce(index))
  return {
    outcomes,
    async stop() {
      isOver = true
      await Promise.all(clients)
    },
  }
}

const REFUSED = 'ECONNREFUSED'

function publish(url: string, agent: http.Agent): Promise<string> {
  return new Promise((resolve) => {
    const headers = { 'x-api-key': TEST_KEY, 'content-type': 'application/json' }
    const request = http.request(`${url}/v1/events`, { agent, method: 'POST', headers }, (response) => {
      response.resume()
      response.once('end', () => resolve(String(response.statusCode)))
      response.once('error', (error: NodeJS.ErrnoException) => resolve(`answer cut: ${error.code}`))
    })
    request.once('error', (error: NodeJS.ErrnoException) => {
      const connection = request.reusedSocket ? ' on a connection in use' : ''
      resolve(error.code === REFUSED ? REFUSED : `${error.code}${connection}`)
    })
    request.end(BODY)
  })
}
