/**
 * Operations made up from the schema, right ones and wrong ones: data, or errors that a user can do something about.
 */
import { readFileSync } from 'node:fs'
import {
  buildSchema,
  type GraphQLArgument,
  type GraphQLInputType,
  type GraphQLNamedType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { errorCatalogue } from '../../src/errors.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { createFuzz, fuzzFor, fuzzSeed, leak, mutate, timed } from '../support/fuzz.js'
import type { Result } from '../support/graphql.js'
import { startTestService, type TestService } from '../support/service.js'

const schema = buildSchema(readFileSync('schema.graphql', 'utf8'))
const fuzz = createFuzz()
/** Ids of things that are there. */
const ids: string[] = []

let resources: Resources
let service: TestService

beforeAll(async () => {
  resources = createResources()
  service = resources.use(await startTestService('postgres', { DELIVERY_MAX_ATTEMPTS: '1' }))
  const made = await service.api.post('/v1/subscriptions', { endpointUrl: nowhere(), eventTypes: ['*'] })
  const published = await service.api.post('/v1/events', { type: 'a', data: {} })
  const delivery = await vi.waitUntil(async () => (await service.api.get('/v1/deliveries')).body.items[0], {
    timeout: 20_000,
  })
  ids.push(made.body.id, published.body.eventId, delivery.id)
})
afterAll(() => resources[Symbol.asyncDispose]())

/** An endpoint that refuses at once. */
const nowhere = () => `http://127.0.0.1:9/${fuzz.below(1e9)}`

function made(type: GraphQLInputType, name: string): unknown {
  if (isNonNullType(type)) return made(type.ofType, name)
  if (isListType(type)) return Array.from({ length: fuzz.below(3) }, () => made(type.ofType, name))
  if (isEnumType(type)) return fuzz.pick(type.getValues()).name
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields()).filter(
      (field) => isNonNullType(field.type) || fuzz.isOneIn(2),
    )
    return Object.fromEntries(fields.map((field) => [field.name, made(field.type, field.name)]))
  }
  switch (type.name) {
    case 'ID':
      return fuzz.pick(ids)
    case 'Int':
      return fuzz.below(100)
    case 'Boolean':
      return fuzz.isOneIn(2)
    case 'DateTime':
      return new Date(fuzz.below(2e12)).toISOString()
    case 'JSONObject':
      return { [fuzz.oddText()]: fuzz.odd() }
    default:
      return name === 'endpointUrl' ? nowhere() : `type.${fuzz.below(5)}`
  }
}

/** An operation that grows as its resources are made up. */
interface Draft {
  declarations: string[]
  variables: Record<string, unknown>
  fragments: string[]
}

function argument({ name, type }: GraphQLArgument, draft: Draft): string {
  const value = fuzz.isOneIn(12) ? mutate(fuzz, made(type, name)) : made(type, name)
  if (fuzz.isOneIn(3)) return `${name}: ${literal(value, getNamedType(type))}`
  const variable = `v${draft.declarations.length}`
  draft.declarations.push(
    `$${variable}: ${fuzz.isOneIn(60) ? fuzz.pick(['Int', 'ID', 'Nothing', '[String]']) : type}`,
  )
  draft.variables[variable] = value
  return `${name}: $${variable}`
}

/** A value as the language writes it: names without quotes, and enums, too, where one is expected. */
function literal(value: unknown, type: GraphQLNamedType): string {
  if (Array.isArray(value)) return `[${value.map((item) => literal(item, type)).join(' ')}]`
  if (typeof value === 'string' && isEnumType(type)) return value
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = isInputObjectType(type) ? type.getFields() : {}
  const members = Object.entries(value).map(([name, member]) => {
    const field = fields[name]
    return `${name}: ${literal(member, field ? getNamedType(field.type) : type)}`
  })
  return `{ ${members.join(' ')} }`
}

function selection(type: GraphQLNamedType, levels: number, draft: Draft): string {
  if (isLeafType(type) || !(isObjectType(type) || isInterfaceType(type))) return ''
  const fields = Object.values(type.getFields()).filter((field) =>
    isLeafType(getNamedType(field.type)) ? fuzz.isOneIn(2) : levels > 0 && fuzz.isOneIn(3),
  )
  const chosen = fields.map((field) => {
    const args = field.args.filter((arg) => isNonNullType(arg.type) || fuzz.isOneIn(5))
    const list = args.map((arg) => argument(arg, draft)).join(' ')
    // Another alias each time: the same name with other arguments could not be merged.
    const alias = list === '' && fuzz.isOneIn(2) ? '' : `a${fuzz.below(1e9)}: `
    return `${alias}${field.name}${list && `(${list})`}${selection(getNamedType(field.type), levels - 1, draft)}`
  })
  if (fuzz.isOneIn(100))
    chosen.push(fuzz.pick(['nothing', '...Nothing', '...on Event { id }', '__schema { types { name } }']))
  const inside = `__typename ${chosen.join(' ')}`
  if (!fuzz.isOneIn(6)) return ` { ${inside} }`
  if (fuzz.isOneIn(2)) return ` { ... on ${type.name} @include(if: ${fuzz.isOneIn(2)}) { ${inside} } }`
  const fragment = `F${draft.fragments.length}`
  draft.fragments.push(`fragment ${fragment} on ${type.name} { ${inside} }`)
  return ` { ...${fragment} }`
}

function operation() {
  const draft: Draft = { declarations: [], variables: {}, fragments: [] }
  const isMutation = fuzz.isOneIn(3)
  const root = isMutation ? schema.getMutationType() : schema.getQueryType()
  const levels = fuzz.isOneIn(20) ? 14 : 1 + fuzz.below(5)
  const selected = selection(root as GraphQLNamedType, levels, draft)
  const declared = draft.declarations.length > 0 ? `(${draft.declarations.join(' ')})` : ''
  let query = `${isMutation ? 'mutation' : 'query'} Q${declared}${selected} ${draft.fragments.join(' ')}`
  if (fuzz.isOneIn(20)) query = query.slice(0, fuzz.below(query.length)) + fuzz.oddText()
  const body: Record<string, unknown> = { query, variables: draft.variables }
  return JSON.stringify(fuzz.isOneIn(15) ? mutate(fuzz, body) : body)
}

const ofTheService = ['INTERNAL_SERVER_ERROR', 'SERVICE_UNAVAILABLE']
const codes = Object.keys(errorCatalogue).filter((code) => !ofTheService.includes(code))

/** @param sent what was sent, to be told when it is not what it must be */
function expectResult({ data, errors = [] }: Result, sent: () => string): void {
  for (const error of errors) {
    expect(error.message, sent()).toEqual(expect.stringMatching(/./))
    expect(codes, sent()).toContain(error.extensions?.code)
    expect(Object.keys(error).sort().join(), sent()).toMatch(/^extensions,(locations,)?message(,path)?$/)
  }
  if (errors.length === 0) expect(data, sent()).toBeTypeOf('object')
  expect(JSON.stringify(errors), sent()).not.toMatch(leak)
}

it(`answers whatever is asked (FUZZ_SEED=${fuzzSeed})`, { timeout: 120_000 }, async () => {
  const outcomes = new Map<string, number>()
  const count = await fuzzFor(() => {
    const body = operation()
    return async () => {
      const headers = { 'x-api-key': TEST_KEY, 'content-type': 'application/json' }
      const answer = await timed(body, () =>
        fetch(`${service.url}/graphql`, { method: 'POST', headers, body }),
      )
      // A list of operations is answered with a list.
      for (const result of [JSON.parse(answer.text)].flat()) {
        const outcome = `${answer.status} ${result.errors?.[0].extensions?.code ?? 'data'}`
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
        expectResult(result, answer.sent)
      }
    }
  })
  const told = [...outcomes].map(([outcome, times]) => `${times} ${outcome}`)
  process.stdout.write(`${count} operations\n${told.sort().join('\n')}\n`)
  // Enough of them are right to have been executed.
  expect(outcomes.get('200 data')).toBeGreaterThan(count / 10)
  expect((await service.api.get('/v1/health')).body).toMatchObject({ status: 'ok', db: { status: 'ok' } })
  expect((await service.api.post('/v1/events', { type: 'a', data: {} })).status).toBe(202)
})
