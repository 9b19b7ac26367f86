import { expect, test } from 'vitest'
import { findBlocking, splitLargeIndexes } from '../../scripts/migration-rules.js'
import { CONCURRENTLY_MARKER } from '../../src/platform/migrations/concurrently.js'

const name = '29990101000000_new'

test.each([
  'CREATE INDEX "i" ON "events"("type");',
  'CREATE UNIQUE INDEX "i" ON "deliveryLogs"("attempt");',
  'ALTER TABLE "deliveries" ADD CONSTRAINT "u" UNIQUE ("eventId");',
  'ALTER TABLE "deliveries" ADD CONSTRAINT "f" FOREIGN KEY ("eventId") REFERENCES "events"("id");',
  'ALTER TABLE "outbox" ALTER COLUMN "eventId" TYPE TEXT;',
  'ALTER TABLE "events" ALTER COLUMN "metadata" SET NOT NULL;',
  `${CONCURRENTLY_MARKER}\nALTER TABLE "events" ADD COLUMN "a" TEXT;`,
])('refuses %s', (sql) => {
  expect(findBlocking({ name, sql })).toEqual([expect.stringContaining(name)])
})

test.each([
  'CREATE INDEX "i" ON "subscriptions"("tenant");',
  'ALTER TABLE "events" ADD COLUMN "tenant" TEXT;',
  'ALTER TABLE "events" ADD CONSTRAINT "c" CHECK (true) NOT VALID;',
  `${CONCURRENTLY_MARKER}\nCREATE INDEX CONCURRENTLY "i" ON "events"("type");\nDROP INDEX CONCURRENTLY "j";`,
])('takes %s', (sql) => {
  expect(findBlocking({ name, sql })).toEqual([])
})

test('indexes of large tables become a migration of their own', () => {
  const column = '-- AlterTable\nALTER TABLE "events" ADD COLUMN "tenant" TEXT;'
  const index = '-- CreateIndex\nCREATE INDEX "i" ON "events"("tenant");'
  expect(splitLargeIndexes(`${column}\n\n${index}\n`)).toEqual({
    transactional: column,
    concurrent: '-- CreateIndex\nCREATE INDEX CONCURRENTLY "i" ON "events"("tenant");',
  })
})
