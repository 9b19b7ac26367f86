/** Rebuilds what is generated and fails when it differs from what is there. What it built stays: commit it. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const outputs = ['src/generated', 'schema.graphql', 'src/client/generated', 'docs/charts']

function fingerprint(path: string): string {
  const hash = createHash('sha256')
  for (const file of filesIn(path)) hash.update(file).update(readFileSync(file))
  return hash.digest('hex')
}

function filesIn(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  const entries = readdirSync(path, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
}

const before = outputs.map(fingerprint)
execFileSync('npm', ['run', '--silent', 'generate'], { stdio: ['ignore', 'ignore', 'inherit'] })
const changed = outputs.filter((output, index) => fingerprint(output) !== before[index])
if (changed.length > 0) {
  console.error(`Out of date: ${changed.join(', ')}. It is rebuilt now: look at it and commit it.`)
  process.exitCode = 1
}
