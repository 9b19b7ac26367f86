/** Rebuilds what is generated and fails when it differs from what is there. What it built stays: commit it. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const generators = [{ command: 'generate', output: 'src/generated' }]

function fingerprint(folder: string): string {
  const hash = createHash('sha256')
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }).toSorted(byPath)) {
    if (entry.isFile()) hash.update(entry.name).update(readFileSync(join(entry.parentPath, entry.name)))
  }
  return hash.digest('hex')
}

function byPath(a: { parentPath: string; name: string }, b: { parentPath: string; name: string }): number {
  return join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1
}

for (const { command, output } of generators) {
  const before = fingerprint(output)
  execFileSync('npm', ['run', '--silent', command], { stdio: ['ignore', 'ignore', 'inherit'] })
  if (fingerprint(output) === before) continue
  console.error(`${output} was out of date. It is rebuilt now: look at it and commit it.`)
  process.exitCode = 1
}
