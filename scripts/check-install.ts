/**
 * `npm ci` of a clean copy, on each Node.js that is supported, must say nothing but what it did: no engine that
 * does not fit, no deprecated package, no peer that is missing, no script that nobody decided on.
 *
 *   npm run check:install            20, 22 and 24
 *   npm run check:install -- 22 24   some of them
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type NodeMajor, nodeMajors, provideNode, withNode } from '../test/support/node-release.js'

/** Warnings about npm's settings on this machine, which the project cannot change. */
const ofTheMachine = /^npm warn Unknown (user|global|env|cli) config /
const expected = [/^added \d+ packages in /, /^> /]

function printedByInstall(major: NodeMajor, bin: string): string[] {
  const directory = mkdtempSync(join(tmpdir(), `node-event-service-install-${major}-`))
  try {
    // As it would be committed: nothing that is ignored.
    const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'])
    execFileSync('cp', ['--parents', '--target-directory', directory, ...namesIn(files)])
    const options = { cwd: directory, env: withNode(bin), encoding: 'utf8' } as const
    const { status, stdout, stderr } = spawnSync('npm', ['ci', '--prefer-offline'], options)
    const lines = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '')
    const unexpected = lines.filter((line) => ![...expected, ofTheMachine].some((each) => each.test(line)))
    return status === 0 ? unexpected : [`npm ci ended with ${status}`, ...unexpected]
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What git lists and is not removed already. */
const namesIn = (list: Buffer): string[] => {
  const removed = execFileSync('git', ['ls-files', '--deleted', '-z']).toString().split('\0')
  return list
    .toString()
    .split('\0')
    .filter((name) => name !== '' && !removed.includes(name))
}

function chosen(words: string[]): NodeMajor[] {
  const unknown = words.filter((word) => !nodeMajors.some((major) => String(major) === word))
  if (unknown.length > 0) throw new Error(`Not one of ${nodeMajors.join(', ')}: ${unknown.join(', ')}`)
  return words.length === 0 ? nodeMajors : words.map((word) => Number(word) as NodeMajor)
}

for (const major of chosen(process.argv.slice(2))) {
  const bin = await provideNode(major)
  const [node, npm] = ['node', 'npm'].map((program) =>
    execFileSync(join(bin, program), ['--version'], { encoding: 'utf8' }).trim(),
  )
  const lines = printedByInstall(major, bin)
  console.log(`Node.js ${node} with npm ${npm}: ${lines.length === 0 ? 'npm ci is silent' : 'npm ci says'}`)
  for (const line of lines) console.log(`  ${line}`)
  if (lines.length > 0) process.exitCode = 1
}
