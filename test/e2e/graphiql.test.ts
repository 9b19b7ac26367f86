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

/** @returns opens pages of the width that a small screen has; they share what a browser stores */
async function startBrowser(): Promise<() => Promise<Page>> {
  const browser = await startChromium()
  resources.use({ [Symbol.asyncDispose]: () => browser.close() })
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  return () => context.newPage()
}

/** What a person does in GraphiQL. */
function hands(page: Page) {
  const text = async (place: string) =>
    // The editor shows spaces as such that don't break.
    ((await page.locator(place).textContent()) ?? '').replaceAll('\u00a0', ' ')
  return {
    tabs: () => page.locator('.graphiql-tab').allInnerTexts(),
    open: (name: string) => page.locator('.graphiql-tab').getByText(name, { exact: true }).click(),
    run: () => page.locator('.graphiql-execute-button').click(),
    answer: () => text('.graphiql-response'),
    /** Runs a subscription: the button then stops it. */
    async follow() {
      const isRunning = async () => {
        const label = await page.locator('.graphiql-execute-button').getAttribute('aria-label')
        if (label?.startsWith('Stop')) return true
        await this.run()
        return false
      }
      await expect.poll(isRunning, { interval: 500 }).toBe(true)
    },
    /** Runs until the answer is as expected: the page takes a moment to see which operation a tab holds. */
    async runFor(expected: RegExp) {
      const runOnce = async () => {
        await this.run()
        return this.answer()
      }
      await expect.poll(runOnce, { timeout: 15_000, interval: 500 }).toMatch(expected)
    },
  }
}

it('GraphiQL loads from the service alone, and its examples do what they say', {
  timeout: 90_000,
}, async () => {
  const settings = { API_KEYS: DEVELOPMENT_KEY, DELIVERY_MAX_ATTEMPTS: '1' }
  const service = resources.use(await startTestService('postgres', settings))
  const receiver = resources.use(await startReceiver(500))
  const api = createClient(service.url, DEVELOPMENT_KEY)
  await api.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: ['user.created'] })

  const requests: string[] = []
  const errors: string[] = []
  const openPage = await startBrowser()
  async function visit() {
    const page = await openPage()
    page.on('request', (request) => requests.push(request.url()))
    page.on('websocket', (socket) => requests.push(socket.url()))
    page.on('pageerror', (error) => errors.push(String(error)))
    await page.goto(`${service.url}/graphql`)
    return { page, ...hands(page) }
  }
  const first = await visit()
  // The working examples, one in each tab, with a key that works.
  await expect.poll(first.tabs).toEqual(['Subscribe', 'Publish', 'Watch', 'Deliveries', 'Retry'])
  expect(await first.page.evaluate('document.documentElement.scrollWidth')).toBe(1280)
  for (const name of await first.tabs()) {
    await first.open(name)
    await expect.poll(() => isWhole(first.page, name), { message: name }).toBe(true)
  }

  await first.open('Watch')
  await first.follow()
  const second = await visit()
  await second.open('Publish')
  await second.runFor(/"status": "(PENDING|PROCESSING)"/)
  await expect.poll(first.answer).toMatch(/"deliveryUpdated".*"status": "(PENDING|DEAD)"/s)
  if (process.env.SCREENSHOT) await first.page.screenshot({ path: process.env.SCREENSHOT })

  await second.open('Deliveries')
  await second.runFor(/"status": "DEAD"/)
  // Its variable is for a person to fill in.
  await second.open('Retry')
  await second.runFor(/"retryDelivery".*"code": "NOT_FOUND"/s)

  const elsewhere = requests.filter((url) => !url.startsWith(service.url) && !/^(data|blob):/.test(url))
  expect(elsewhere).toEqual([])
  expect(errors).toEqual([])
})

/** Whether the editor shows the operation with no line that goes on below the buttons. */
const isWhole = (page: Page, operation: string) =>
  page.evaluate((name) => {
    const editor = document.querySelector('.graphiql-query-editor')
    const edge = document.querySelector('.graphiql-execute-button')?.getBoundingClientRect().left ?? 0
    const lines = [...(editor?.querySelectorAll('.view-line > span') ?? [])]
    const isShown = lines.some((line) => line.textContent?.includes(name))
    return isShown && lines.every((line) => line.getBoundingClientRect().right <= edge)
  }, operation)
