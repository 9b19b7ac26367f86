/** Comments fit the eye, as the pages do. The formatter leaves them as they are. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const MAX_COLUMNS = 120
const isComment = (line: string): boolean => /^\s*(\*|\/\/|\/\*\*)/.test(line)
/** A drawing is as wide as what it shows. */
const isDrawing = (line: string): boolean => /[─│┼├└]/.test(line)

it('no line of a comment is longer than 120 columns', () => {
  const files = ['src', 'test', 'bench', 'scripts'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  )
  const written = files.filter((file) => file.endsWith('.ts') && !file.includes('generated'))
  const long = written.flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => isComment(line) && !isDrawing(line) && [...line].length > MAX_COLUMNS)
      .map((line) => `${file}: ${line}`),
  )
  expect(written.length).toBeGreaterThan(100)
  expect(long).toEqual([])
})
