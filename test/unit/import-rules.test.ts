/**
 * The import rules catch every forbidden direction: each is tried, in a copy of the folders that holds nothing else.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, posix, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { rooms } from '../../import-rules.mjs'

const names = Object.keys(rooms)
const isFile = (room: string) => room.endsWith('.ts')
/** A file of its own for each import, so that one violation can't hide another. */
const importing = (room: string, other: string) =>
  isFile(room) ? `src/${room}` : `src/${room}/imports-${other.replace('.', '-')}.ts`
const imported = (room: string) => (isFile(room) ? `src/${room}` : `src/${room}/index.ts`)

const directions = names.flatMap((room) =>
  names
    .filter((other) => other !== room)
    .map((other) => ({ room, other, mayImport: rooms[room]?.imports.includes(other) })),
)

let folder: string
let found: Set<string>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'import-rules-'))
  const contents = new Map<string, string>(names.map((room) => [imported(room), 'export {}\n']))
  for (const { room, other } of directions) {
    const file = importing(room, other)
    const specifier = posix.relative(dirname(file), imported(other)).replace(/\.ts$/, '.js')
    const path = specifier.startsWith('.') ? specifier : `./${specifier}`
    contents.set(file, `${contents.get(file) ?? ''}import '${path}'\n`)
  }
  for (const [file, text] of contents) {
    await mkdir(join(folder, dirname(file)), { recursive: true })
    await writeFile(join(folder, file), text)
  }
  await writeFile(join(folder, 'tsconfig.json'), '{ "compilerOptions": { "module": "nodenext" } }')
  const { stdout } = await cruise()
  const { violations } = JSON.parse(stdout).summary as {
    violations: { rule: { name: string }; from: string; to: string }[]
  }
  found = new Set(
    violations.filter(({ rule }) => rule.name.includes('only what')).map(({ from, to }) => `${from} → ${to}`),
  )
})

afterAll(() => rm(folder, { recursive: true }))

/** It exits with the number of violations, which here is no failure. */
function cruise(): Promise<{ stdout: string }> {
  const program = resolve('node_modules/dependency-cruiser/bin/dependency-cruise.mjs')
  const options = ['--config', resolve('.dependency-cruiser.mjs'), '--output-type', 'json', 'src']
  return promisify(execFile)(process.execPath, [program, ...options], {
    cwd: folder,
    maxBuffer: 2 ** 28,
  }).catch((error: { stdout: string }) => error)
}

it('reports every import that no rule allows, and none that one does', () => {
  const reported = directions.filter(({ room, other }) =>
    found.has(`${importing(room, other)} → ${imported(other)}`),
  )
  expect(reported).toEqual(directions.filter(({ mayImport }) => !mayImport))
  expect(reported.length).toBeGreaterThan(300)
})

it('lists the folders from the top to the bottom, so no two may import each other', () => {
  const upwards = directions.filter(
    ({ room, other, mayImport }) => mayImport && names.indexOf(other) < names.indexOf(room),
  )
  expect(upwards).toEqual([])
})
