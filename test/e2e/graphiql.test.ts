/** GraphiQL in a browser, as a developer meets it who opens /graphql. */
import type { Page } from 'playwright-core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { startChromium } from '../support/chromium.js'
import { createClient } from '../support/client.js'
import { startReceiver } from '../support/receiver.js'
import { startTestService } from '../support/service.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const DEVELOPMENT_KEY = 'dev-key-1'

async function openPage(): Promise<Page> {
  const browser = await startChromium()
  resources.use({ [Symbol.asyncDispose]: () => browser.close() })
  return browser.newPage({ viewport: { width: 1400, height: 900 } })
}

it('GraphiQL loads from the service alone, runs a query, and shows a live update', {
  timeout: 60_000,
}, async () => {
  const service = resources.use(await startTestService('postgres', { API_KEYS: DEVELOPMENT_KEY }))
  const receiver = resources.use(await startReceiver(200))
  const api = createClient(service.url, DEVELOPMENT_KEY)
  await api.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: ['user.created'] })

  const page = await openPage()
  const requests: string[] = []
  const errors: string[] = []
  page.on('request', (request) => requests.push(request.url()))
  page.on('websocket', (socket) => requests.push(socket.url()))
  page.on('pageerror', (error) => errors.push(String(error)))
  await page.goto(`${service.url}/graphql`)

  // The working examples, one in each tab, with a key that works.
  const tabs = page.locator('.graphiql-tab')
  await expect.poll(() => tabs.allInnerTexts()).toEqual(['Watch', 'Subscribe', 'Publish', 'DeadLetters'])

  const answer = page.locator('.graphiql-response')
  // The editor shows spaces as such that don't break.
  const text = async () => ((await answer.textContent()) ?? '').replaceAll('\u00a0', ' ')
  const run = () => page.locator('.graphiql-execute-button').click()

  await run()
  await expect
    .poll(
      async () => {
        await api.post('/v1/events', { type: 'user.created', data: {} })
        return text()
      },
      { timeout: 15_000, interval: 500 },
    )
    .toMatch(/(?=.*"deliveryUpdated").*"status": "(PENDING|SENT)"/s)
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT })

  await run()
  await tabs.nth(3).getByRole('button').first().click()
  // The page takes a moment to see which operation another tab holds.
  await expect
    .poll(
      async () => {
        await run()
        return text()
      },
      { timeout: 15_000, interval: 500 },
    )
    .toContain('"hasNextPage": false')

  const elsewhere = requests.filter((url) => !url.startsWith(service.url) && !/^(data|blob):/.test(url))
  expect(elsewhere).toEqual([])
  expect(errors).toEqual([])
})
