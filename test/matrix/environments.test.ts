import { expect, it } from 'vitest'
import { nodeMajors } from '../support/node-release.js'
import {
  connections,
  databases,
  type Environment,
  environmentName,
  environments,
  postgresVersions,
  redisKinds,
  topologies,
} from './environments.js'

const values: { [Part in keyof Environment]: readonly Environment[Part][] } = {
  postgres: postgresVersions,
  database: databases,
  connection: connections,
  redis: redisKinds,
  topology: topologies,
  node: nodeMajors,
}

it.each(Object.entries(values))('each value of %s is in an environment', (part, all) => {
  const met = new Set<unknown>(environments.map((environment) => environment[part as keyof Environment]))
  expect(met).toEqual(new Set<unknown>(all))
})

it('no two environments are equal', () => {
  const names = environments.map(environmentName)
  expect(new Set(names).size).toBe(names.length)
})
