/** SECURITY.md: the bounds have the numbers of the code, and each attack has a test. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import http from 'node:http'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { settingsSchema } from '../../src/config/settings-schema.js'
import { loadConfig } from '../../src/config.js'
import { limits } from '../../src/graphql/limits.js'
import { codeIn, readSection, readTable } from '../support/docs.js'

const bounds = readTable(readSection('SECURITY.md', 'Bounds'))
const attacks = readTable(readSection('SECURITY.md', 'Attacks'))

const units: Record<string, number> = {
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  MB: 1,
  s: 1,
  h: 3600,
  '': 1,
}

/** In the unit of the constant: milliseconds, seconds, bytes, megabytes, or a count. */
function documentedNumber(cell: string, name: string): number {
  const [, digits = '', unit = ''] = /^([\d,]+)(?: (\w+))?$/.exec(cell) ?? []
  const value = Number(digits.replaceAll(',', '')) * (units[unit] ?? Number.NaN)
  return /(_MS|Ms)$/.test(name) ? value * 1000 : value
}

const defaults: Record<string, unknown> = {
  ...settingsSchema.parse({}),
  HTTP_MAX_CONNECTIONS_PER_ADDRESS: loadConfig({}).maxConnectionsPerAddress,
}

/** Other constants may be factors: `24 * 60 * 60 * SECOND_MS`. */
function constantIn(text: string, name: string): number {
  const [, expression] = new RegExp(`\\b${name}\\s*[:=]\\s*([\\w *]+)`).exec(text) ?? []
  if (expression === undefined) return Number.NaN
  return expression
    .split('*')
    .map((factor) => factor.trim())
    .map((factor) => (/^\d/.test(factor) ? Number(factor.replaceAll('_', '')) : constantIn(text, factor)))
    .reduce((product, factor) => product * factor, 1)
}

function actualNumber(cell: string, name: string): unknown {
  const file = / in `([^`]+)`$/.exec(cell)?.[1]
  if (file === undefined) return defaults[name]
  if (file === 'node:http') return http[name as 'maxHeaderSize']
  return constantIn(readFileSync(file, 'utf8'), name)
}

describe('the bounds', () => {
  it.each(bounds)('%s: %s', (_bound, number = '', source = '') => {
    const name = codeIn(source) ?? ''
    expect(documentedNumber(number, name)).toBe(actualNumber(source, name))
  })

  const names = bounds.map(([, , source]) => codeIn(source))

  it('have every limit of GraphQL', () => {
    const documented = bounds
      .filter(([, , source]) => source?.includes('`src/graphql/limits.ts`'))
      .map(([, , source]) => codeIn(source))
    expect(documented.toSorted()).toEqual(Object.keys(limits).toSorted())
  })

  it('have every setting that limits connections, bodies and attempts', () => {
    const limiting = Object.keys(settingsSchema.shape).filter((name) =>
      /^HTTP_MAX|_MAX_BYTES$|^DELIVERY_(TIMEOUT|MAX_ATTEMPTS|CONCURRENCY$)/.test(name),
    )
    expect(limiting.length).toBeGreaterThan(5)
    expect(names).toEqual(expect.arrayContaining(limiting))
  })
})

describe('the attacks', () => {
  const named = attacks.map(([, , test]) => join('test', codeIn(test) ?? ''))

  it.each(named)('%s is there, and named once', (file) => {
    expect(existsSync(file)).toBe(true)
    expect(named.filter((other) => other === file)).toHaveLength(1)
  })

  it('have every test that attacks the service', () => {
    const isAttack =
      /^(bad-|endpoints-|fuzz-|slow-|secret-leaks|secrets-|graphql-(answer-bounds|bounds|safety|slow)|unknown-|egress-guard|ip-)/
    const attacking = ['test/unit', 'test/integration', 'test/e2e']
      .flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)))
      .filter((file) => isAttack.test(basename(file)))
    expect(attacking.length).toBeGreaterThan(8)
    expect(attacking.filter((file) => !named.includes(file))).toEqual([])
  })
})
