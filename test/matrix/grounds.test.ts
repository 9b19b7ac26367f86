import { expect, it } from 'vitest'
import { nodeMajors } from '../support/node-release.js'
import {
  databases,
  type Ground,
  groundName,
  grounds,
  layouts,
  postgresVersions,
  redisKinds,
  ways,
} from './grounds.js'

const values: { [Part in keyof Ground]: readonly Ground[Part][] } = {
  postgres: postgresVersions,
  database: databases,
  way: ways,
  redis: redisKinds,
  layout: layouts,
  node: nodeMajors,
}

it.each(Object.entries(values))('each value of %s is met', (part, all) => {
  const met = new Set<unknown>(grounds.map((ground) => ground[part as keyof Ground]))
  expect(met).toEqual(new Set<unknown>(all))
})

it('no ground is there twice', () => {
  const names = grounds.map(groundName)
  expect(new Set(names).size).toBe(names.length)
})
