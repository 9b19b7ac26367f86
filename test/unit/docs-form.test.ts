/** What every page has to be: short enough to enter, one form for what is alike, and in an index. */
import { readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, expect, it } from 'vitest'
import { pages, readPage, readSection, readTable, withoutCodeBlocks } from '../support/docs.js'

const MAX_COLUMNS = 120
/** `npm run test:matrix` writes its table. */
const generated = ['docs/matrix.md']

const headingsOf = (page: string) =>
  [...withoutCodeBlocks(readPage(page)).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading)
const decisions = pages.filter((page) => /^docs\/decisions\/\d{4}-/.test(page))

it('README is at most 200 lines', () => {
  expect(readPage('README.md').split('\n').length).toBeLessThanOrEqual(200)
})

it('README says how to start and how to test', () => {
  const commands = [...readPage('README.md').matchAll(/^```bash\n(.*?)^```/gms)].map(([, block]) =>
    block?.trim(),
  )
  expect(commands).toEqual(expect.arrayContaining(['npm ci && npm start', 'npm test']))
})

it.each(pages.filter((page) => !generated.includes(page)))('%s has lines of at most 120 columns', (page) => {
  const lines = withoutCodeBlocks(readPage(page)).split('\n')
  const isLongLink = (line: string) => /https?:\/\/\S{60,}/.test(line)
  expect(lines.filter((line) => [...line].length > MAX_COLUMNS && !isLongLink(line))).toEqual([])
})

it('no sentence leans on words that name nobody', () => {
  const vague = /\b(whoever|somebody|told of|so many|that of which)\b/i
  const written = pages.filter((page) => ![...generated, 'CHANGELOG.md'].includes(page))
  expect(written.filter((page) => vague.test(withoutCodeBlocks(readPage(page))))).toEqual([])
})

it('people find the headings that they search for', () => {
  const headings = pages.flatMap(headingsOf)
  const searched = ['Quick start', 'Configuration', 'Deployment', 'Delivery guarantees', 'Retries']
  for (const heading of [...searched, 'Failure modes', 'Troubleshooting']) expect(headings).toContain(heading)
})

it('no heading is twice in a page, so each has its own link', () => {
  const twice = pages
    .filter((page) => page !== 'CHANGELOG.md')
    .flatMap((page) => {
      const headings = headingsOf(page)
      return headings
        .filter((heading, index) => headings.indexOf(heading) !== index)
        .map((each) => [page, each])
    })
  expect(twice).toEqual([])
})

it('every page of docs is in the index', () => {
  const index = readPage('docs/README.md')
  const shown = readdirSync('docs').filter((file) => file.endsWith('.md') && file !== 'README.md')
  expect(shown.filter((file) => !index.includes(`](${file}`))).toEqual([])
})

it('code that a page takes from an example is in that example', () => {
  const taken = pages.flatMap((page) =>
    [...readPage(page).matchAll(/^From \[(docs\/examples\/\S+)\]\(\S+\):\n\n```\w+\n(.*?)^```/gms)].map(
      ([, example = '', code = '']) => ({ example, code }),
    ),
  )
  expect(taken.length).toBeGreaterThanOrEqual(3)
  for (const { example, code } of taken) {
    const text = readPage(example)
    // A program of its own imports more than the function that a page shows.
    const parts = code.split(/\n{2,}/).filter((part) => !part.startsWith('import '))
    expect(parts.filter((part) => !text.includes(part.trim()))).toEqual([])
  }
})

describe('the decisions', () => {
  it.each(decisions)('%s has the number of its file, a status and the sections of all', (page) => {
    const [title = '', ...sections] = headingsOf(page)
    expect(title).toMatch(new RegExp(`^${basename(page).slice(0, 4)}: \\S`))
    expect(sections).toEqual(['Context', 'Decision', 'Why', 'Consequences'])
    expect(readPage(page).split('\n')[2]).toMatch(/^Status: (accepted|replaced by \[\d{4}\]\(\S+\))$/)
  })

  it('are all in their index, by their titles', () => {
    const rows = readTable(readSection('docs/decisions/README.md', 'Decisions'))
    const listed = rows.map(([number, title = '']) => [number, title.replace(' (replaced)', '')])
    const there = decisions.map((page) => {
      const [number, title] = (headingsOf(page)[0] as string).split(': ', 2)
      return [`[${number}](${basename(page)})`, title]
    })
    expect(listed).toEqual(there)
  })
})
