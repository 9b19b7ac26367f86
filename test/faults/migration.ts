/** A migration of a database beside the service's, killed at some moment and run again. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { hasEnded } from '../support/child-process.js'
import type { BreakablePostgres } from './postgres.js'
import type { Random } from './random.js'
import type { UncausedExit } from './supervisor.js'

/** About as long as the migrations take. */
const LONGEST_MS = 2000
let migrations = 0

export async function killMigration(
  postgres: BreakablePostgres,
  random: Random,
  uncausedExits: UncausedExit[],
): Promise<string> {
  const database = `migrated_${++migrations}`
  await postgres.query(`create database ${database}`)
  const migrate = () =>
    spawn(process.execPath, [resolve('dist/migrate.js')], {
      env: { PATH: process.env.PATH, DATABASE_URL: new URL(`/${database}`, postgres.url).href },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  const killed = migrate()
  await pause(random.durationMs(100, LONGEST_MS))
  if (!hasEnded(killed)) {
    killed.kill('SIGKILL')
    await once(killed, 'exit')
  }
  const again = migrate()
  const lastWords: string[] = []
  for (const stream of [again.stdout, again.stderr]) stream.on('data', (data) => lastWords.push(String(data)))
  const [code, signal] = await once(again, 'close')
  if (code !== 0)
    uncausedExits.push({
      process: 'the migration after one that was killed',
      how: String(signal ?? code),
      lastWords,
    })
  await postgres.query(`drop database ${database} with (force)`)
  return database
}
