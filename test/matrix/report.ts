/** Writes docs/matrix.md: the environments, the versions of the programs, and the results. */
import { writeFileSync } from 'node:fs'
import type { TestCase, TestModule } from 'vitest/node'
import { checks } from './check-environments.js'
import { type Environment, environmentName, environments, redisName, topologyName } from './environments.js'
import type { Versions } from './setup/setup.js'

/** The file; empty to write none. */
const { MATRIX_FILE = 'docs/matrix.md' } = process.env

interface Result {
  environment: Environment
  /** Undefined when the environment was not set up as named. */
  versions: Versions | undefined
  /** In the order of the checks. */
  cells: string[]
}

/** A run of only some environments writes nothing. */
export function writeReport(modules: TestModule[]): void {
  const results = environments.map((environment) => resultOn(environment, modules))
  const missing = results.filter(({ cells }) => cells.includes(NOT_RUN)).length
  if (MATRIX_FILE === '') return
  if (missing > 0) {
    process.stderr.write(
      `${MATRIX_FILE} stays as it is: ${missing} of ${environments.length} environments were not fully run.\n`,
    )
    return
  }
  writeFileSync(MATRIX_FILE, toMarkdown(results, new Date()))
  process.stdout.write(`Written: ${MATRIX_FILE}\n`)
}

const NOT_RUN = 'not run'

function resultOn(environment: Environment, modules: TestModule[]): Result {
  const suites = modules.flatMap(({ children }) => [...children.suites()])
  const suite = suites.find(({ name }) => name === environmentName(environment))
  const tests = suite === undefined ? [] : [...suite.children.tests()]
  const find = (title: string) => tests.find(({ name }) => name === title)
  return {
    environment,
    versions: tests.map((test) => test.meta().versions).find((versions) => versions !== undefined),
    cells: checks.map(({ title }) => toCell(find(title))),
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
    'Connection',
    'Redis',
    'Processes',
    'Node.js',
    ...checks.map(({ column }) => column),
  ]
  const rows = results.map(({ environment, versions, cells }) => [
    environment.postgres === 'Debian' ? `${shortVersion(versions)}, JIT` : shortVersion(versions),
    environment.database,
    environment.connection,
    redisName(environment.redis),
    topologyName(environment.topology),
    versions?.node.replace('v', '') ?? String(environment.node),
    ...cells,
  ])
  return `# Test matrix

\`npm run test:matrix\` wrote this page on ${date.toISOString().slice(0, 10)}. Do not edit it. Each row is a test environment
with its own servers and the built service (\`node dist/main.js\`). [test/matrix/environments.ts](../test/matrix/environments.ts)
explains the values, and [test/matrix/checks](../test/matrix/checks) has the checks. Times and events per second are of the
machine of that run, which ran two environments at a time. They are for information only.

${table(columns, rows)}

The versions that the programs report:

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
