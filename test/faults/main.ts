/** `npm run test:faults`: the long form. Prints a line for each fault, and the figures at the end. */
import { randomInt } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { findPostgresPrograms } from '../support/postgres-server.js'
import { lack } from './equipment.js'
import { faultsOf } from './faults.js'
import { describeOutcome, describeProgress, summarise } from './report.js'
import { runFaults } from './run.js'
import { layouts } from './world.js'

const USAGE = `npm run test:faults -- [options]

  --minutes n    breaks things for so long (10, unless --faults is given)
  --faults n     breaks so many things
  --seed text    repeats the faults of the run that printed it
  --layout name  apart: two API processes and two workers; one: two services that do all; processes: PROCESSES=2
  --postgres at  embedded: the server of the npm package; machine: that of the machine's own packages
  --only text    only faults whose names contain it, or one of several with commas between: PostgreSQL,killed
  --rate n       events a second (60)
  --longest n    seconds that one fault may last (30)
  --json file    writes the figures there
`

const print = (line: string) => void process.stdout.write(`${line}\n`)

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string' },
      faults: { type: 'string' },
      seed: { type: 'string', default: String(randomInt(1_000_000)) },
      layout: { type: 'string', default: 'apart' },
      postgres: { type: 'string', default: 'embedded' },
      only: { type: 'string', default: '' },
      rate: { type: 'string', default: '60' },
      longest: { type: 'string', default: '30' },
      json: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) return print(USAGE)
  const { seed, json } = values
  const maxFaults = values.faults && Number(values.faults)
  const minutes = values.minutes ? Number(values.minutes) : maxFaults ? undefined : 10

  const layout = layouts.find((one) => one === values.layout)
  if (layout === undefined) throw new Error(`--layout is one of ${layouts.join(', ')}.`)
  const programs = findPostgresPrograms().find(
    ({ directory }) => (directory === undefined) === (values.postgres === 'embedded'),
  )
  if (programs === undefined) throw new Error('This machine has no PostgreSQL of its own.')

  print(`seed ${seed}, layout ${layout}, on ${programs.name} PostgreSQL`)
  const wanted = faultsOf(layout).filter(({ name }) =>
    values.only.split(',').some((text) => name.includes(text)),
  )
  const kinds = wanted.filter(({ name, needs }) => {
    const reason = needs && lack(needs)
    if (reason) print(`left out: ${name}: ${reason}`)
    return !reason
  })
  const outcome = await runFaults({
    seed,
    layout,
    ...{ kinds, programs },
    eventsPerSecond: Number(values.rate),
    longestMs: Number(values.longest) * 1000,
    gapMs: { shortest: 500, longest: 4000 },
    ...(maxFaults && { maxFaults }),
    ...(minutes !== undefined && { minutes }),
    onProgress: (progress) => print(describeProgress(progress)),
  })
  const report = summarise(outcome)
  print(describeOutcome(report, outcome))
  if (json) await writeFile(json, `${JSON.stringify(report, undefined, 2)}\n`)
  if (outcome.verification.findings.length > 0) process.exitCode = 1
}

main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).stack ?? error}\n`)
  process.exitCode = 1
})
