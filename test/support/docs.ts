/** Markdown pages, read as far as tests hold them against the code. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const within = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((file) => join(directory, file))
const isPage = (file: string) => file.endsWith('.md')

/** Every page of the repository that is written for readers. */
export const pages = [...readdirSync('.').filter(isPage), ...within('docs').filter(isPage)].toSorted()

export const readPage = (page: string): string => readFileSync(page, 'utf8')

/** As GitHub renders it: without the contents of code blocks. */
export const withoutCodeBlocks = (text: string): string => text.replace(/^```.*?^```/gms, '')

/** The text below a heading, up to the next heading of the same or a higher level. */
export function readSection(page: string, heading: string): string {
  const text = readPage(page)
  const [start] = text.match(new RegExp(`^#+ ${heading}$`, 'm')) ?? []
  if (start === undefined) throw new Error(`${page} has no heading "${heading}".`)
  const rest = text.slice(text.indexOf(`${start}\n`) + start.length)
  const level = start.indexOf(' ')
  const end = rest.search(new RegExp(`^#{1,${level}} `, 'm'))
  return end === -1 ? rest : rest.slice(0, end)
}

/** The rows of all tables in a text, without their heads. */
export function readTable(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'))
  const isRule = (line: string | undefined) => /^\|[\s|:-]+\|$/.test(line ?? '')
  const rows = lines.filter((line, index) => !isRule(line) && !isRule(lines[index + 1]))
  return rows.map((row) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  )
}

/** What stands first in a cell between backticks. */
export const codeIn = (cell: string | undefined): string | undefined => /^`([^`]+)`/.exec(cell ?? '')?.[1]

/** What stands in backticks at the beginning of each row. */
export const firstCodes = (rows: string[][]): (string | undefined)[] => rows.map(([cell]) => codeIn(cell))

/** List items of the form "- **`Name`**: `one`, `other`", which may go on in further lines. */
export function readBullets(text: string): Map<string, string[]> {
  const items = text.matchAll(/^- \*\*`([\w.-]+)`\*\*:((?:.|\n(?!-|\n|#))*)/gm)
  return new Map(
    [...items].map(([, name = '', rest = '']) => [
      name,
      [...rest.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code),
    ]),
  )
}
