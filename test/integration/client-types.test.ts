/** `npm run client -- types`: what the catalogue says of data is what a compiler holds producers and consumers to. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { startTestService, type TestService } from '../support/service.js'

let resources: Resources
let service: TestService
let directory: string

beforeEach(async () => {
  resources = createResources()
  directory = mkdtempSync(join(tmpdir(), 'client-types-'))
  resources.use({
    async [Symbol.asyncDispose]() {
      rmSync(directory, { recursive: true })
    },
  })
  service = resources.use(await startTestService('postgres'))
  const order = {
    name: 'order.created',
    description: 'Somebody has ordered.',
    schema: { type: 'object', required: ['orderId'], properties: { orderId: { type: 'string' } } },
  }
  await service.api.post('/v1/event-types', order)
  await service.api.post('/v1/event-types', {
    name: 'user:blocked',
    schema: { type: 'object', required: ['reason'], properties: { reason: { enum: ['spam', 'fraud'] } } },
  })
})
afterEach(() => resources[Symbol.asyncDispose]())

/** Not in this process, which serves the catalogue. */
async function run(...args: string[]) {
  return new Promise<{ status: number; stdout: string; stderr: string }>((resolve) =>
    execFile(process.execPath, args, (error, stdout, stderr) =>
      resolve({ status: Number(error?.code ?? 0), stdout, stderr }),
    ),
  )
}

const client = (...args: string[]) => run('--import', 'tsx', 'scripts/client.ts', ...args)

const program = (useOfEvent: string) => `
  import { createClient, verifyWebhook } from 'node-event-service-client'
  import type { TypedEvent, TypedWebhookEvent } from './event-types.js'

  const client = createClient({ url: '', apiKey: '' })
  await client.publishEvent({ type: 'order.created', data: { orderId: 'o_1' } } satisfies TypedEvent)
  const event = (await verifyWebhook({ secret: '', headers: {}, body: '' })) as TypedWebhookEvent
  if (event.type === 'user:blocked') { ${useOfEvent} }`

/** What the compiler finds wrong with programs, by their names. */
async function compile(programs: Record<string, string>): Promise<string> {
  const files = Object.keys(programs).map((name) => `${name}.ts`)
  for (const [name, source] of Object.entries(programs)) writeFileSync(join(directory, `${name}.ts`), source)
  const config = {
    compilerOptions: {
      ...{ target: 'es2022', module: 'preserve', strict: true, noEmit: true, skipLibCheck: true, types: [] },
      lib: ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable'],
      paths: {
        'node-event-service-client': [resolve('src/client/index.ts')],
        'node-event-service-client/webhook': [resolve('src/client/webhook.ts')],
      },
    },
    files,
  }
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(config))
  return (await run('node_modules/typescript/bin/tsc', '-p', directory)).stdout
}

it('gives a compiler the types of the catalogue', { timeout: 90_000 }, async () => {
  const out = join(directory, 'event-types.ts')
  const { status, stdout } = await client('types', '--url', service.url, '--key', TEST_KEY, '--out', out)
  expect(stdout).toMatch('2 event types')
  expect(status).toBe(0)
  const problems = await compile({
    right: program(`const reason: 'spam' | 'fraud' = event.payload.data.reason; void reason`),
    wrongUse: program('event.payload.data.orderId'),
    wrongData: program('').replace(`orderId: 'o_1'`, 'orderId: 1'),
  })
  expect(problems).not.toMatch(/^\S*right\.ts/m)
  expect(problems).toMatch(/wrongUse\.ts.*'orderId' does not exist/)
  expect(problems).toMatch(/wrongData\.ts.*TS2322/)
})

it('says what is wrong with its key, and how it is used', async () => {
  const refused = await client('types', '--url', service.url, '--key', 'wrong')
  expect(refused).toMatchObject({ status: 1, stderr: expect.stringMatching(/answered 401/) })
  expect((await client('--help')).stdout).toMatch('client -- types')
})
