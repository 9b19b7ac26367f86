/** Late answers to deliveries that are back in the line of their ordering key, taken step by step. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Database } from '../../src/platform/postgres/database.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { compare } from '../model/comparison.js'
import { deliveriesOf } from '../model/reference-model.js'
import { answer, attempt, feed, runOut } from '../model/steps/attempts.js'
import { cancel, existing, retry, turnOnOrOff } from '../model/steps/by-hand.js'
import { dispatch, publishInOrder } from '../model/steps/publishing.js'
import type { Step } from '../model/steps/step.js'
import { createWorld } from '../model/world.js'
import { createTestDatabase, openDatabase, type TestDatabase } from '../support/database.js'

let resources: Resources
let tables: TestDatabase
let database: Database

beforeAll(async () => {
  resources = createResources()
  tables = resources.use(await createTestDatabase())
  database = resources.use(openDatabase(tables))
})
afterAll(() => resources[Symbol.asyncDispose]())

it('count for nothing when the delivery was cancelled and retried meanwhile', async () => {
  const world = await createWorld(tables, database)
  const ordered = existing(world).findIndex(({ type }) => type === '*')
  /** Nobody but the subscription to all types wants the last type. */
  const ofLastType = publishInOrder.from(world).length - 2
  const take = async (step: Step, n = 0) => {
    await step.run(world, n)
    await compare(world)
  }
  await take(publishInOrder, ofLastType)
  await take(dispatch)
  await take(feed)
  await take(attempt)
  await take(runOut)
  await take(turnOnOrOff, ordered)
  await take(feed)
  await take(cancel)
  await take(publishInOrder, ofLastType)
  await take(retry)
  await take(answer(1))
  expect(deliveriesOf(world.model)).toMatchObject([{ status: 'PENDING', logs: [], isInLine: true }])
})
