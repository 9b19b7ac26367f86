/** docs/architecture.md has every folder of the code, and every path in the docs is one that is there. */
import { existsSync, readdirSync } from 'node:fs'
import { expect, it } from 'vitest'
import { rooms } from '../../import-rules.mjs'
import { firstCodes, pages, readBullets, readPage, readSection, readTable } from '../support/docs.js'

const namesIn = (folder: string, isWanted: 'folder' | 'file') =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() === (isWanted === 'folder'))
    .map(({ name }) => `${folder}/${name}${isWanted === 'folder' ? '/' : ''}`)

const documented = firstCodes(readTable(readSection('docs/architecture.md', 'Folders')))

it('every folder of src is in the table of folders', () => {
  const folders = [...namesIn('src', 'folder'), ...namesIn('src/delivery-engine', 'folder')]
  expect(documented.filter((name) => name?.endsWith('/')).toSorted()).toEqual(folders.toSorted())
})

it('every file directly in src is in the table of files', () => {
  expect(documented.filter((name) => name?.endsWith('.ts')).toSorted()).toEqual(
    namesIn('src', 'file').toSorted(),
  )
})

it('the imports are those that the import rules allow', () => {
  const allowed = Object.entries(rooms).map(([room, { imports }]) => [room, imports])
  expect(Object.fromEntries(readBullets(readSection('docs/architecture.md', 'Imports')))).toEqual(
    Object.fromEntries(allowed),
  )
})

it('every path of the sources that a page names is there', () => {
  const dead = pages
    .filter((page) => page !== 'CHANGELOG.md')
    .flatMap((page) =>
      [...readPage(page).matchAll(/`((?:src|test|bench|scripts|prisma)\/[\w./-]*)`/g)]
        .filter(([, path = '']) => !existsSync(path))
        .map(([, path]) => `${page}: ${path}`),
    )
  expect(dead).toEqual([])
})
