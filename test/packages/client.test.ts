/** `node-event-service-client` as npm would publish it: installed elsewhere, and used by all that may. */
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { startChromium } from '../support/chromium.js'
import { TEST_KEY } from '../support/client.js'
import { nodeMajors, provideNode } from '../support/node-release.js'
import { startReceiver } from '../support/receiver.js'
import { startTestService } from '../support/service.js'
import { webhookReference } from '../support/webhook-reference.js'
import { type Consumer, installElsewhere } from './consumer.js'

const NAME = 'node-event-service-client'
/** Minified, as a bundler loads it into a page. */
const MOST_BYTES = 15_000

/** The same webhook, signed with a key pair by OpenSSL. */
function signedByPair() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const { headers, body } = webhookReference
  const content = Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`)
  const signature = `v1a,${sign(null, content, privateKey).toString('base64')}`
  const point = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
  return {
    ...{ body, secret: `whpk_${point.toString('base64')}` },
    headers: { ...headers, 'webhook-signature': signature },
  }
}

/** As a program of its own writes it. */
const verification = (webhook: object) => `{
  ...${JSON.stringify(webhook)},
  now: new Date(${webhookReference.now.getTime()}),
}`

/** Publishes, and follows the delivery to its end. */
const use = `
async function use({ createClient, verifyWebhook }, url, apiKey) {
  const client = createClient({ url, apiKey })
  const statuses = []
  const watching = (async () => {
    const onConnect = () => client.publishEvent({ type: 'packed', data: { n: 1 } })
    for await (const delivery of client.watchDeliveries({ onConnect })) {
      statuses.push(delivery.status)
      if (delivery.status === 'SENT') return
    }
  })()
  await watching
  const { test } = await verifyWebhook(${verification(webhookReference)})
  const byPair = await verifyWebhook(${verification(signedByPair())})
  return JSON.stringify({ statuses, test, byPair: byPair.test })
}`
const used = JSON.stringify({ statuses: ['PENDING', 'FAILED', 'SENT'], test: 2432232314, byPair: 2432232314 })

let resources: Resources
let consumer: Consumer

beforeAll(() => {
  resources = createResources()
  consumer = installElsewhere('packages/client', ['--offline'])
  consumer.write({
    'import.js': `
      import { createClient } from '${NAME}'
      import { verifyWebhook } from '${NAME}/webhook'
      ${use}
      console.log(await use({ createClient, verifyWebhook }, ...process.argv.slice(2)))`,
    'require.cjs': `
      const { createClient } = require('${NAME}')
      const { verifyWebhook } = require('${NAME}/webhook')
      ${use}
      use({ createClient, verifyWebhook }, ...process.argv.slice(2)).then(console.log)`,
  })
})
afterAll(async () => {
  await resources[Symbol.asyncDispose]()
  consumer[Symbol.dispose]()
})

/** A service that delivers each event at the second attempt. */
async function startService(settings = {}) {
  const service = resources.use(await startTestService('postgres', settings))
  const answers = resources.use(await startReceiver(500, 200))
  await service.api.post('/v1/subscriptions', { endpointUrl: answers.url, eventTypes: ['packed'] })
  return `${service.url}/graphql`
}

async function bundle(entry: string, globalName?: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: `export * from '${entry}'`, resolveDir: consumer.directory },
    ...{ bundle: true, minify: true, write: false, platform: 'browser', format: 'esm' },
    ...(globalName && { format: 'iife', globalName }),
  })
  return outputFiles[0]?.text ?? ''
}

describe('the package', () => {
  it('is what publint and attw find no fault with', () => {
    const check = (program: string, args: string[]) =>
      execFileSync(join('node_modules/.bin', program), args, { encoding: 'utf8', stdio: 'pipe' })
    expect(check('publint', ['--strict', 'packages/client'])).toMatch('All good!')
    expect(check('attw', [consumer.tarball])).toMatch('No problems found')
  })

  it.each([NAME, `${NAME}/webhook`])(`%s is no larger than ${MOST_BYTES} bytes`, async (entry) => {
    expect((await bundle(entry)).length).toBeLessThanOrEqual(MOST_BYTES)
  })

  it('has types for both kinds of module', () => {
    const typed = `
      import { createClient, type Client } from '${NAME}'
      import { createMemoryStore, processOnce, verifyWebhook, type WebhookEvent } from '${NAME}/webhook'
      export const publish = async (client: Client): Promise<string> =>
        (await client.publishEvent({ type: 'a', data: {} })).event.id
      export const verify = (body: string): Promise<WebhookEvent<{ n: number }>> =>
        verifyWebhook<{ n: number }>({ secret: 's', headers: new Headers(), body })
      export const receive = (event: WebhookEvent<{ n: number }>): Promise<string> =>
        processOnce(event, { store: createMemoryStore() }, async ({ payload }) => payload.data.n)
      createClient({ url: '', apiKey: '' })`
    consumer.write({
      'typed.mts': typed,
      'typed.cts': typed,
      'tsconfig.json': JSON.stringify({
        compilerOptions: {
          ...{ module: 'nodenext', target: 'es2022', strict: true, noEmit: true, skipLibCheck: false },
          ...{ lib: ['es2023', 'dom', 'dom.asynciterable'], types: [] },
        },
        files: ['typed.mts', 'typed.cts'],
      }),
    })
    const compiler = join(process.cwd(), 'node_modules/typescript/bin/tsc')
    expect(consumer.run('sh', ['-c', `${process.execPath} ${compiler} || true`])).toBe('')
  })
})

describe.each(nodeMajors)('Node.js %i', (major) => {
  it.each(['import.js', 'require.cjs'])('publishes, watches and verifies by %s', async (program) => {
    const url = await startService()
    const node = await provideNode(major)
    // Not in this thread's way: the service answers from it.
    expect((await consumer.runBeside(join(node, 'node'), [program, url, TEST_KEY])).trim()).toBe(used)
  })
})

it('a browser publishes, watches and verifies, from a page of another origin', async () => {
  const script = await bundle(NAME, 'client')
  const page = createServer((_request, response) =>
    response.setHeader('content-type', 'text/html').end(`<script>${script}${use}</script>`),
  ).listen(0, '127.0.0.1')
  resources.use({ [Symbol.asyncDispose]: async () => void page.close() })
  await new Promise((resolve) => page.once('listening', resolve))
  const origin = `http://127.0.0.1:${(page.address() as AddressInfo).port}`
  const url = await startService({ CORS_ORIGINS: origin })
  const browser = await startChromium()
  resources.use({ [Symbol.asyncDispose]: () => browser.close() })
  const tab = await browser.newPage()
  await tab.goto(origin)
  expect(await tab.evaluate(`use(client, '${url}', '${TEST_KEY}')`)).toBe(used)
})
