import { describe, expect, it } from 'vitest'
import { ExpectedStartError } from '../../src/errors.js'
import { explainStartError } from '../../src/lifecycle/start-errors.js'
import { describeCrash } from '../../src/platform/crashes.js'
import { explainConnectError } from '../../src/platform/postgres/connect-errors.js'
import { connectionNeedOf, poolSizeWithin } from '../../src/platform/postgres/connection-budget.js'
import { connectionsPerProcess, findProblem } from '../../src/platform/postgres/database-check.js'
import { DatabaseUnavailableError } from '../../src/platform/postgres/database-errors.js'
import type { DatabaseFacts } from '../../src/platform/postgres/database-facts.js'

const errorOf = (fields: object) => Object.assign(new Error('as Node.js says it'), fields)

describe('explainStartError', () => {
  it('says what cannot be done to an address, by the code', () => {
    const listen = { syscall: 'listen', address: '127.0.0.1', port: 80 }
    expect(explainStartError(errorOf({ ...listen, code: 'EACCES' }))).toMatch(
      /^Node Event Service can't start: this user may not listen on 127\.0\.0\.1:80 \(EACCES\).*Set PORT/,
    )
    // What one of several processes gets of the first.
    expect(explainStartError(errorOf({ ...listen, syscall: 'bind', code: 'EADDRINUSE' }))).toMatch(
      /another program already listens on 127\.0\.0\.1:80/,
    )
  })

  it('says that PostgreSQL went away in the middle', () => {
    const error = new DatabaseUnavailableError(new Error('Query read timeout'))
    expect(explainStartError(error)).toMatch(/PostgreSQL went away.*Query read timeout/)
  })

  it('passes on what was said for people, and knows nothing of the rest', () => {
    expect(explainStartError(new ExpectedStartError('Do this.'))).toBe('Do this.')
    expect(explainStartError(new TypeError('undefined is not a function'))).toBeUndefined()
    expect(explainStartError('text')).toBeUndefined()
  })
})

describe('explainConnectError', () => {
  const place = { address: 'db:5432', user: 'u', database: 'd' }
  it.each([
    ['57P03', true],
    ['53300', true],
    ['ECONNREFUSED', true],
    ['EAI_AGAIN', true],
    ['28P01', false],
    ['3D000', false],
    ['SELF_SIGNED_CERT_IN_CHAIN', false],
    ['XX000', false],
  ])('%s: whether waiting can help: %s', (code, isPassing) => {
    expect(explainConnectError(errorOf({ code }), place)).toMatchObject({ isPassing })
  })

  it('shows no password of a URL that it does not know', () => {
    const error = errorOf({ message: 'no postgres://me:secret@db/x', code: 'XX000' })
    expect(explainConnectError(error, place).sentence).toContain('no postgres://me:***@db/x')
  })
})

const facts: DatabaseFacts = {
  ...{ versionNumber: 150_004, version: '15.4', encoding: 'UTF8', database: 'd', user: 'u' },
  ...{ isStandby: false, isReadOnly: false, isDirect: true },
  limits: [
    { kind: 'server', most: 97, inUse: 10 },
    { kind: 'role', most: 30, inUse: 20 },
  ],
}

describe('findProblem', () => {
  it('finds none where all is well', () => {
    expect(findProblem(facts, 10)).toBeUndefined()
  })

  it('refuses a server that is too old, by its version', () => {
    const old = { ...facts, versionNumber: 130_011, version: '13.11' }
    expect(findProblem(old, 10)).toEqual({
      sentence: 'PostgreSQL 13.11 is too old: Node Event Service needs 14 or newer.',
      isPassing: false,
    })
  })

  it('tells connections that there will never be from those that others have now', () => {
    expect(findProblem(facts, 11)).toMatchObject({ isPassing: true })
    expect(findProblem(facts, 31)).toMatchObject({ isPassing: false })
  })

  it('leaves their number to a pooler', () => {
    const pooled = { ...facts, isDirect: false }
    expect(findProblem(pooled, 1000)).toBeUndefined()
    expect(connectionsPerProcess(pooled, { least: 12, full: 21 }, 8)).toBe(21)
  })
})

describe('connections', () => {
  const work = { isWorker: true, isQueueOnPostgres: true }

  it('are shared by processes, up to what each would open', () => {
    expect(connectionsPerProcess(facts, { least: 12, full: 21 }, 1)).toBe(21)
    expect(connectionsPerProcess(facts, { least: 12, full: 21 }, 2)).toBe(15)
  })

  it('make the largest pool that they are enough for', () => {
    const { least, full } = connectionNeedOf(work)
    expect([poolSizeWithin(full, work), poolSizeWithin(1000, work)]).toEqual([10, 10])
    expect(poolSizeWithin(full - 1, work)).toBeLessThan(10)
    expect(poolSizeWithin(least, work)).toBe(4)
  })
})

describe('describeCrash', () => {
  it('tells name, first line and places, and nothing else that the error carries', () => {
    const error = errorOf({ message: 'first\nrow (secret)', command: { args: ['secret'] }, code: 'E_X' })
    const { at, ...told } = describeCrash(error)
    expect(told).toEqual({ type: 'Error', message: 'first', code: 'E_X' })
    expect(at[0]).toMatch(/start-errors\.test\.ts:\d+:\d+/)
  })

  it('tells nothing of what is thrown without being an error', () => {
    expect(describeCrash('secret')).toEqual({ type: 'string', message: '', at: [] })
  })
})
