/** docs/matrix.md: what was run, on which versions, and what was seen. */
import { writeFileSync } from 'node:fs'
import type { TestCase, TestModule } from 'vitest/node'
import { type Ground, groundName, grounds, layoutName, redisName } from './grounds.js'
import { proofs } from './prove.js'
import type { Versions } from './stage/stage.js'

/** Where it is written to; empty for nowhere. */
const { MATRIX_FILE = 'docs/matrix.md' } = process.env

interface Result {
  ground: Ground
  /** Unless the ground was not what it is called. */
  versions: Versions | undefined
  /** In the order of the proofs. */
  cells: string[]
}

/** A run of some grounds only says nothing of the others, so it writes nothing. */
export function writeReport(modules: TestModule[]): void {
  const results = grounds.map((ground) => resultOn(ground, modules))
  const missing = results.filter(({ cells }) => cells.includes(NOT_RUN)).length
  if (MATRIX_FILE === '') return
  if (missing > 0) {
    process.stderr.write(
      `${MATRIX_FILE} stays as it is: ${missing} of ${grounds.length} grounds were not run whole.\n`,
    )
    return
  }
  writeFileSync(MATRIX_FILE, toMarkdown(results, new Date()))
  process.stdout.write(`Written: ${MATRIX_FILE}\n`)
}

const NOT_RUN = 'not run'

function resultOn(ground: Ground, modules: TestModule[]): Result {
  const suites = modules.flatMap(({ children }) => [...children.suites()])
  const suite = suites.find(({ name }) => name === groundName(ground))
  const tests = suite === undefined ? [] : [...suite.children.tests()]
  const find = (title: string) => tests.find(({ name }) => name === title)
  return {
    ground,
    versions: tests.map((test) => test.meta().versions).find((versions) => versions !== undefined),
    cells: proofs.map(({ title }) => toCell(find(title))),
  }
}

function toCell(test: TestCase | undefined): string {
  const state = test?.result().state
  if (state === 'passed') return test?.meta().saw ?? ''
  return state === 'failed' ? '**failed**' : NOT_RUN
}

function toMarkdown(results: Result[], date: Date): string {
  const columns = [
    'PostgreSQL',
    'Database',
    'Way',
    'Redis',
    'Processes',
    'Node.js',
    ...proofs.map(({ column }) => column),
  ]
  const rows = results.map(({ ground, versions, cells }) => [
    ground.postgres === 'Debian' ? `${shortVersion(versions)}, JIT` : shortVersion(versions),
    ground.database,
    ground.way,
    redisName(ground.redis),
    layoutName(ground.layout),
    versions?.node.replace('v', '') ?? String(ground.node),
    ...cells,
  ])
  return `# The grounds that the service was run on

Written by \`npm run test:matrix\` on ${date.toISOString().slice(0, 10)}; do not edit. The grounds are a table in
[test/matrix/grounds.ts](../test/matrix/grounds.ts), which says what their words mean, and what was done on them is in
[test/matrix/proofs](../test/matrix/proofs). Each ground has servers of its own, and the built service (\`node dist/main.js\`).
Times and events a second are those of the machine that ran it, two grounds at a time: nothing is asked of them but an end.

${table(columns, rows)}

What the programs call themselves:

${programsIn(results)
  .map((program) => `- ${program}`)
  .join('\n')}
`
}

const table = (columns: string[], rows: string[][]): string =>
  [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

const shortVersion = (versions: Versions | undefined): string =>
  /^PostgreSQL ([\d.]+)/.exec(versions?.postgres ?? '')?.[1] ?? '**failed**'

function programsIn(results: Result[]): string[] {
  const said = results.flatMap(({ versions }) =>
    versions === undefined
      ? []
      : [
          versions.postgres,
          versions.pgbouncer,
          versions.redis && `Redis ${versions.redis}`,
          `Node.js ${versions.node}`,
        ],
  )
  return [...new Set(said.filter((text) => text !== undefined))].toSorted()
}
