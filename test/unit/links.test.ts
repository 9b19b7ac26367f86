/** Every link within README and docs leads somewhere: to a file that is there, and to a heading in it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, it } from 'vitest'

const within = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((file) => join(directory, file))
const isPage = (file: string) => file.endsWith('.md')

const pages = [...readdirSync('.').filter(isPage), ...within('docs').filter(isPage)]

const textOf = (file: string): string => readFileSync(file, 'utf8')
const withoutCode = (text: string): string => text.replace(/^```.*?^```/gms, '').replace(/`[^`\n]*`/g, 'code')

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  const headings = textOf(page)
    .replace(/^```.*?^```/gms, '')
    .matchAll(/^#+ (.+)$/gm)
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** The links of a page that lead nowhere. */
function deadLinksOf(page: string): string[] {
  const links = [...withoutCode(textOf(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
  return links.filter((link) => {
    if (/^(https?|mailto):/.test(link)) return false
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? page : normalize(join(dirname(page), path))
    return !existsSync(target) || (anchor !== undefined && !anchorsOf(target).includes(anchor))
  })
}

it.each(pages)('%s has no link that leads nowhere', (page) => expect(deadLinksOf(page)).toEqual([]))

it('names of pages in sources and settings are those of pages that are there', () => {
  const sources = ['src', 'test', 'scripts', 'bench'].flatMap(within).filter((file) => file.endsWith('.ts'))
  const dead = ['.env.example', 'docker-compose.yml', 'Dockerfile', ...sources].flatMap((file) =>
    [...textOf(file).matchAll(/\bdocs\/[\w/.-]+\.(?:md|ya?ml)\b/g)]
      .filter(([name]) => !existsSync(name))
      .map(([name]) => `${file}: ${name}`),
  )
  expect(dead).toEqual([])
})

it('every page of the operating guide is in its index', () => {
  const [index, ...others] = readdirSync('docs/operating').filter(isPage).toSorted()
  const text = textOf(join('docs/operating', index ?? ''))
  expect(others.filter((page) => !text.includes(`](${page})`))).toEqual([])
})
