/** Hand-written SQL statements follow one convention, so that a search finds them all. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.startsWith('generated'))
  .map((path) => ({ path, text: readFileSync(join('src', path), 'utf8') }))

it('every statement is declared as one', () => {
  const all = sources.flatMap(({ path, text }) =>
    [...text.matchAll(/(?:const (\w+)(: Statement)? = )\{\s*name: '[a-z-]+',\s*text:/g)].map(
      ([, name, type]) => ({ path, name, isStatement: type !== undefined }),
    ),
  )
  expect(all.length).toBeGreaterThan(25)
  expect(all.filter(({ isStatement }) => !isStatement)).toEqual([])
})

it('every row type has a name', () => {
  const unnamed = sources.filter(({ text }) => /\bquery<\{/.test(text))
  expect(unnamed.map(({ path }) => path)).toEqual([])
})
