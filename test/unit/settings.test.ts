/** Every setting stands in each of the places where people look for it, and nothing else does. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { settingNames } from '../../src/config.js'
import { readComposeFile } from '../delivered/support/compose-file.js'
import { imageConfig, parseDockerfile } from '../delivered/support/dockerfile.js'

/** What other programs than the service's read. */
const ofCompose = ['POSTGRES_PASSWORD']
const ofNodeItself = ['UV_THREADPOOL_SIZE']

const names = settingNames.toSorted()
const compose = await readComposeFile(
  Object.fromEntries([...settingNames, ...ofCompose, ...ofNodeItself].map((name) => [name, `<${name}>`])),
)

describe('every setting', () => {
  it('is in .env.example, which is read as it is', () => {
    const shown = [...readFileSync('.env.example', 'utf8').matchAll(/^#?([A-Z][A-Z0-9_]*)=/gm)]
    const found = shown.map(([, name]) => name).toSorted()
    expect(found.filter((name) => !ofCompose.includes(name as string))).toEqual(names)
  })

  it("is in README's table", () => {
    const readme = readFileSync('README.md', 'utf8')
    const table = readme.slice(readme.indexOf('\n## Settings'), readme.indexOf('\n## Run it for real'))
    const firstCells = [...table.matchAll(/^\|([^|]*)\|/gm)].map(([, cell]) => cell).join()
    expect([...firstCells.matchAll(/`([A-Z0-9_]+)`/g)].map(([, name]) => name).toSorted()).toEqual(names)
  })

  it.each(['api', 'worker'])(
    'reaches the %s of docker-compose.yml, by its own name or decided there',
    (service) => {
      const environment = compose.services[service]?.environment ?? {}
      const ofImage = imageOf().environment
      const known = Object.keys({ ...ofImage, ...environment }).toSorted()
      expect(known.filter((name) => !ofNodeItself.includes(name))).toEqual(names)

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
