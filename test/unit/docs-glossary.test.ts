/** docs/glossary.md explains the terms of the code, and no term that the code does not use. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readPage, withoutCodeBlocks } from '../support/docs.js'

const page = readPage('docs/glossary.md')
const items = withoutCodeBlocks(page)
  .split('\n')
  .filter((line) => line.startsWith('- '))
const terms = items.map((item) => /^- \*\*([^*]+)\*\*: \S/.exec(item)?.[1] ?? item)

/** `leaseQuotas`, `lease-quotas` and "lease quota" are the same term. */
const spelledAlike = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
const singular = (name: string): string => name.replace(/ies$/, 'y').replace(/s$/, '')

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((file) => join('src', file))
  .filter((file) => file.endsWith('.ts') && !file.includes('generated'))
/** With the names of files, which are terms too. */
const code = spelledAlike(files.map((file) => file + readFileSync(file, 'utf8')).join('\n'))
const glossary = spelledAlike(items.join('\n'))

const foldersIn = (folder: string) =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
const modulesIn = (folder: string) => readdirSync(folder).map((file) => basename(file, '.ts'))

describe('the glossary', () => {
  it('has one line for each term, in alphabetical order, none twice', () => {
    expect(items.length).toBeGreaterThan(50)
    expect(page.split('\n').filter((line) => /^ +\S/.test(line))).toEqual([])
    const keys = terms.map((term) => term.toLowerCase())
    expect(keys).toEqual([...new Set(keys)].toSorted())
  })

  it('has no term that the code does not use', () => {
    expect(terms.filter((term) => !code.includes(spelledAlike(singular(term))))).toEqual([])
  })

  it.each([
    ['folder of src', foldersIn('src')],
    ['room of the delivery engine', foldersIn('src/delivery-engine')],
    ['module of the model', modulesIn('src/model')],
    ['module that schedules', modulesIn('src/delivery-engine/scheduling')],
    ['module that keeps endpoints fair', modulesIn('src/delivery-engine/fairness')],
  ])('explains every %s', (_, names) => {
    expect(names.filter((name) => !glossary.includes(spelledAlike(singular(name))))).toEqual([])
  })
})
