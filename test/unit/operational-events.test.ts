/** Operational events: the statements ask for what the partial index holds, or PostgreSQL could not use it. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { patternsOf } from '../../src/model/event-type.js'
import { operationalTypes, sqlReportParts, sqlWantsAny } from '../../src/model/operational-event.js'

const migrations = readdirSync('prisma/migrations', { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .toSorted()
  .map((name) => readFileSync(`prisma/migrations/${name}/migration.sql`, 'utf8'))
  .join('\n')

/** Of the index, as the last migration that makes it has it. */
const condition = [
  ...migrations.matchAll(/INDEX CONCURRENTLY "subscriptions_operational_idx" .* WHERE \((.*)\);/g),
].at(-1)?.[1]

it('the condition of the index is the one that a report asks for', () => {
  expect(condition).toBeDefined()
  expect(sqlWantsAny('s').replaceAll('s."', '"')).toBe(condition)
  const report = sqlReportParts({ type: 'service.delivery.dead', from: 'a', tenant: 'a.tenant', data: {} })
  expect(report.split(sqlWantsAny('s'))).toHaveLength(3)
})

it('the index holds who asks for any of them, by name or pattern', () => {
  const held = condition?.match(/\{(.*)\}/)?.[1]?.split(',') ?? []
  for (const type of operationalTypes) expect(held).toEqual(expect.arrayContaining(patternsOf(type)))
  expect(held).not.toContain('*')
})
