/** The page of the REST API in a browser, as a developer uses it who opens /docs. */
import type { Page } from 'playwright-core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { startChromium } from '../support/chromium.js'
import { TEST_KEY } from '../support/client.js'
import { startTestService } from '../support/service.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

/** What a person does on the page. */
function hands(page: Page) {
  const operation = (route: string) => {
    const [method = '', path = ''] = route.split(' ')
    return page
      .locator(`.opblock-${method.toLowerCase()}`)
      .filter({ has: page.locator(`[data-path="${path}"]`) })
  }
  return {
    async enterKey(key: string) {
      await page.locator('.authorize').click()
      const dialog = page.locator('.dialog-ux')
      if (await dialog.getByText('Logout').isVisible()) await dialog.getByText('Logout').click()
      await dialog.locator('input').fill(key)
      await dialog.locator('button[type=submit]').click()
      await dialog.getByText('Close').click()
    },
    async tryOut(route: string) {
      await operation(route).locator('.opblock-summary').click()
      await operation(route).getByRole('button', { name: 'Try it out' }).click()
    },
    body: (route: string) => operation(route).locator('textarea'),
    fill: (route: string, parameter: string, value: string) =>
      operation(route).locator(`[data-param-name="${parameter}"] input`).fill(value),
    /** @returns the status and the body that the page shows */
    async execute(route: string) {
      const answered = page.waitForResponse((response) => response.url().includes('/v1/'))
      await operation(route).getByRole('button', { name: 'Execute' }).click()
      await answered
      const answer = operation(route).locator('.live-responses-table .response')
      const text = async (place: string) => (await answer.locator(place).first().textContent()) ?? ''
      return { status: Number.parseInt(await text('.response-col_status'), 10), body: await text('pre') }
    },
  }
}

it('a key is entered, an event published and looked up, and all comes from the service alone', {
  timeout: 180_000,
}, async () => {
  const service = resources.use(await startTestService('postgres'))
  const browser = await startChromium()
  resources.use({ [Symbol.asyncDispose]: () => browser.close() })
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  page.setDefaultTimeout(60_000)
  const requests: string[] = []
  const complaints: string[] = []
  page.on('request', (request) => requests.push(request.url()))
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    // The answers that are refused below are told of by the browser, too.
    const isAnswer = message.text().startsWith('Failed to load resource')
    if (message.type() === 'error' && !isAnswer) complaints.push(message.text())
  })
  await page.goto(`${service.url}/docs`)
  const { enterKey, tryOut, body, fill, execute } = hands(page)

  const publish = 'POST /v1/events'
  await tryOut(publish)
  expect((await execute(publish)).status).toBe(401)
  await enterKey('a-key-that-nobody-has')
  expect((await execute(publish)).status).toBe(401)
  await enterKey(TEST_KEY)
  // With the example that the page fills in.
  const published = await execute(publish)
  expect(published).toMatchObject({ status: 202, body: expect.stringContaining('"status": "PENDING"') })
  await body(publish).fill('{"type": "written.by.hand", "data": {')
  expect((await execute(publish)).status).toBe(400)
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT })

  // The key is still there when the page is loaded again.
  await page.reload()
  const find = 'GET /v1/events/{id}'
  await tryOut(find)
  const { eventId } = JSON.parse(published.body)
  await fill(find, 'id', eventId)
  expect(await execute(find)).toMatchObject({ status: 200, body: expect.stringContaining(eventId) })
  // Every filter is left empty.
  const list = 'GET /v1/deliveries'
  await tryOut(list)
  expect(await execute(list)).toMatchObject({ status: 200, body: expect.stringContaining('"items"') })

  const elsewhere = requests.filter((url) => !url.startsWith(service.url) && !/^(data|blob):/.test(url))
  expect(elsewhere).toEqual([])
  expect(complaints).toEqual([])
})
