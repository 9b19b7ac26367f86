/**
 * Strings that break things elsewhere, in every path and in every argument that takes one, as OpenAPI and the schema
 * have them: refused, or nothing is found; never a 500.
 */
import { readFileSync } from 'node:fs'
import { buildSchema, type GraphQLArgument, getNamedType, isLeafType, isListType } from 'graphql'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { post as operate } from '../support/graphql.js'
import { odd } from '../support/odd-strings.js'
import { startTestService, type TestService } from '../support/service.js'

let resources: Resources
let service: TestService

beforeAll(async () => {
  resources = createResources()
  service = resources.use(await startTestService('postgres'))
})
afterAll(() => resources[Symbol.asyncDispose]())

const everything = Object.entries(odd)
// A percent-encoding can't spell a surrogate.
const spelled = everything.filter(
  ([, text]) => text.isWellFormed() && text !== '' && text !== odd['too much'],
)

it.each(spelled)('%s in every path', async (_what, text) => {
  const { paths } = (await service.api.get('/openapi.json')).body as { paths: Record<string, object> }
  const routes = Object.entries(paths)
    .filter(([path]) => path.includes('{'))
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => [method, path] as const))
  expect(routes.length).toBeGreaterThan(20)
  for (const [method, path] of routes) {
    const send = service.api[method as 'get' | 'post' | 'patch' | 'delete']
    const { status } = await send(path.replace(/\{\w+\}/, encodeURIComponent(text)), {})
    expect([method, path, status]).toEqual([
      method,
      path,
      expect.toSatisfy((code) => code >= 400 && code < 500),
    ])
  }
})

describe('in every argument', () => {
  const schema = buildSchema(readFileSync('schema.graphql', 'utf8'))
  const takesText = ({ type }: GraphQLArgument) =>
    !isListType(type) && ['ID', 'String'].includes(getNamedType(type).name)
  const isNeeded = ({ type }: GraphQLArgument) => String(type).endsWith('!')

  /** The fields that need nothing but texts, each with all of these. */
  const operations = (['query', 'mutation'] as const).flatMap((kind) =>
    Object.values((kind === 'query' ? schema.getQueryType() : schema.getMutationType())?.getFields() ?? {})
      .filter(({ args }) => args.some(takesText) && args.filter(isNeeded).every(takesText))
      .map(({ name, args, type }) => {
        const texts = args.filter(takesText).filter(isNeeded)
        const given = texts.length > 0 ? texts : args.filter(takesText)
        const values = given.map((argument) => `${argument.name}: $${argument.name}`).join(', ')
        const declared = given.map((argument) => `$${argument.name}: ${argument.type}`).join(', ')
        const selection = isLeafType(getNamedType(type)) ? '' : ' { __typename }'
        return {
          name,
          names: given.map((argument) => argument.name),
          text: `${kind} (${declared}) { ${name}(${values})${selection} }`,
        }
      }),
  )

  it.each(everything)('%s', async (_what, text) => {
    expect(operations.length).toBeGreaterThan(20)
    for (const { name, names, text: operation } of operations) {
      const variables = Object.fromEntries(names.map((argument) => [argument, text]))
      const { body } = await operate(service, operation, variables)
      const codes = (body.errors ?? []).map(({ extensions }) => extensions.code)
      expect([name, codes]).toEqual([name, expect.not.arrayContaining(['INTERNAL_SERVER_ERROR'])])
    }
  })
})
