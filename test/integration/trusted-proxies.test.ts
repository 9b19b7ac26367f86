/** Wrong keys are counted by the client's own address, on every way in, and nobody gets another by writing a header. */
import { once } from 'node:events'
import { request } from 'node:http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createResources } from '../../src/platform/resources.js'
import { createTestDatabase } from '../support/database.js'
import { startOn } from '../support/service.js'

const resources = createResources()
let url: string

const proxy = '127.0.0.1'
const stranger = '127.0.0.2'
const LIMIT = 20

beforeAll(async () => {
  const settings = { TRUSTED_PROXIES: `${proxy}/32` }
  const service = resources.use(await startOn(resources.use(await createTestDatabase()), undefined, settings))
  url = service.url
})
afterAll(() => resources[Symbol.asyncDispose]())

interface Guess {
  from: string
  forwarded: string
}

/** What becomes of a wrong key: 401, or 429 after too many. */
async function guess(path: string, { from, forwarded }: Guess): Promise<number> {
  const headers = { 'x-api-key': 'wrong', 'x-forwarded-for': forwarded }
  const method = path === '/graphql' ? 'POST' : 'GET'
  const sent = request(url + path, { method, localAddress: from, headers, agent: false }).end()
  const [answer] = await once(sent, 'response')
  answer.resume()
  return answer.statusCode
}

/** The same by WebSocket, as the status that it stands for. */
async function guessBySocket({ from, forwarded }: Guess): Promise<number> {
  const headers = { 'x-forwarded-for': forwarded }
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
    localAddress: from,
    headers,
  })
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init', payload: { apiKey: 'wrong' } }))
  const [code] = await once(socket, 'close')
  return code === 1013 ? 429 : code === 4401 ? 401 : code
}

const everyWay = async (who: Guess) => [
  await guess('/v1/stats', who),
  await guess('/graphql', who),
  await guessBySocket(who),
]

it('keeps clients of one proxy apart, by REST, GraphQL and WebSocket', async () => {
  const guesser = { from: proxy, forwarded: '198.51.100.1, 203.0.113.7' }
  for (let n = 0; n < LIMIT; n += 1) expect(await guess('/v1/stats', guesser)).toBe(401)
  expect(await everyWay(guesser)).toEqual([429, 429, 429])
  expect(await everyWay({ from: proxy, forwarded: '203.0.113.8' })).toEqual([401, 401, 401])
  // What the guesser wrote himself counts for nothing.
  expect(await everyWay({ from: proxy, forwarded: '203.0.113.8, 203.0.113.7' })).toEqual([429, 429, 429])
})

it('gives nobody who is no proxy a new address for each try', async () => {
  for (let n = 0; n < LIMIT; n += 1)
    expect(await guess('/v1/stats', { from: stranger, forwarded: `192.0.2.${n}` })).toBe(401)
  expect(await everyWay({ from: stranger, forwarded: '192.0.2.200' })).toEqual([429, 429, 429])
})
