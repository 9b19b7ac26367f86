/** Every setting stands in each of the places where people look for it, and nothing else does. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { loadConfig, settingNames } from '../../src/config.js'
import { readComposeFile } from '../delivered/support/compose-file.js'
import { imageConfig, parseDockerfile } from '../delivered/support/dockerfile.js'
import { codeIn, readPage, readTable } from '../support/docs.js'

/** What other programs than the service's read. */
const ofCompose = ['POSTGRES_PASSWORD']

const names = settingNames.toSorted()

const documented = readTable(readPage('docs/configuration.md')).map(([name, cell = '']) => ({
  name: codeIn(name),
  cell,
  /** Without settings; absent where it is none, or no plain value. */
  value: codeIn(cell),
}))
const exampleSettings = [
  ...readFileSync('.env.example', 'utf8').matchAll(/^#?([A-Z][A-Z0-9_]*)=(.*)$/gm),
].filter(([, name]) => !ofCompose.includes(name as string))

const compose = await readComposeFile(
  Object.fromEntries([...settingNames, ...ofCompose].map((name) => [name, `<${name}>`])),
)

describe('every setting', () => {
  it('is in .env.example, which is read as it is', () => {
    expect(exampleSettings.map(([, name]) => name).toSorted()).toEqual(names)
  })

  it('is in the tables of docs/configuration.md', () => {
    expect(documented.map(({ name }) => name).toSorted()).toEqual(names)
  })

  it('has the default that the docs and .env.example show', () => {
    const shown = documented.filter(({ value }) => value !== undefined)
    expect(shown.length).toBeGreaterThan(20)
    // NODE_ENV decides about some of the others.
    const development = { NODE_ENV: 'development' }
    for (const { name = '', value = '' } of shown) {
      const others: Record<string, string> = name === 'NODE_ENV' ? {} : development
      expect([name, loadConfig({ ...others, [name]: value })]).toEqual([name, loadConfig(others)])
    }
    const isExample = (value: string) => /^[a-z]+:\/\//.test(value)
    for (const [, name, value = ''] of exampleSettings) {
      const { value: told = '', cell = '' } = documented.find((each) => each.name === name) ?? {}
      if (isExample(value) || cell.includes('otherwise none')) continue
      expect([name, value]).toEqual([name, told])
    }
  })

  it.each(['api', 'worker'])(
    'reaches the %s of docker-compose.yml, by its own name or decided there',
    (service) => {
      const environment = compose.services[service]?.environment ?? {}
      const ofImage = imageOf().environment
      const known = Object.keys({ ...ofImage, ...environment }).toSorted()
      expect(known).toEqual(names)

      const passedOn = Object.entries(environment).filter(([, value]) => /^<\w+>$/.test(value))
      expect(passedOn.filter(([name, value]) => value !== `<${name}>`)).toEqual([])
      const decided = Object.keys(environment).filter((name) => !/^<\w+>$/.test(environment[name] as string))
      // A part's role and where the parts find each other.
      expect(decided.toSorted()).toEqual(['DATABASE_URL', 'NODE_ENV', 'REDIS_URL', 'ROLE'])
      expect(Object.keys(ofImage).toSorted()).toEqual(['HOST', 'NODE_ENV', 'PORT'])
    },
  )

  it('that the migrations know is the same as for the others', () => {
    const { ROLE: _, ...environment } = compose.services.api?.environment ?? {}
    expect(compose.services.migrate?.environment).toEqual(environment)
  })
})

function imageOf() {
  const stages = parseDockerfile(readFileSync('Dockerfile', 'utf8'))
  return imageConfig(stages.flatMap(({ instructions }) => instructions))
}
