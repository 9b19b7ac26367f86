import { describe, expect, test } from 'vitest'
import { publicationBody } from '../../src/events/publication.js'
import { schema } from '../../src/graphql/schema.js'

const overRest = (createdAt: string) => {
  const { data } = publicationBody.safeParse({ type: 'a', data: {}, createdAt })
  return data?.createdAt?.toISOString()
}
const overGraphQL = (createdAt: string) => {
  const scalar = schema.getType('DateTime') as unknown as { parseValue(value: unknown): Date }
  try {
    return scalar.parseValue(createdAt).toISOString()
  } catch {
    return undefined
  }
}

describe('REST and GraphQL take the same times', () => {
  test.each([
    ['2026-01-31T18:20:43.400Z', '2026-01-31T18:20:43.400Z'],
    ['2026-01-31t18:20:43z', '2026-01-31T18:20:43.000Z'],
    ['2026-01-31T18:20Z', '2026-01-31T18:20:00.000Z'],
    ['2026-01-31T18:20+01:00', '2026-01-31T17:20:00.000Z'],
    ['2026-01-31T18:20:43+0100', '2026-01-31T17:20:43.000Z'],
    ['2026-01-31T18:20:43.5-0530', '2026-01-31T23:50:43.500Z'],
    ['2026-01-31T18:20:43+01', '2026-01-31T17:20:43.000Z'],
    ['2026-01-31T18:20:43.123456789Z', '2026-01-31T18:20:43.123Z'],
    ['2026-01-31T24:00:00Z', '2026-02-01T00:00:00.000Z'],
    ['2026-01-31T24:00:01Z', undefined],
    ['2026-01-31T18:20:43+24:00', undefined],
    ['2026-01-31T18:20:43+01:', undefined],
    ['2026-01-31T18:20:43+1', undefined],
    ['2026-01-31T18:20:43+01:0', undefined],
    ['2026-01-31T18:20:43 +01:00', undefined],
    ['2026-01-31T18:20:43.123456+02:00', '2026-01-31T16:20:43.123Z'],
    ['2026-02-30T00:00:00Z', undefined],
    ['2026-01-31T18:20:60Z', undefined],
    ['2026-01-31T18:20:43', undefined],
    ['2026-01-31', undefined],
    ['0000-12-31T23:00:00Z', undefined],
    ['9999-12-31T23:30:00-01:00', undefined],
    ['yesterday', undefined],
  ])('%s', (text, expected) => {
    expect([overRest(text), overGraphQL(text)]).toEqual([expected, expected])
  })
})
