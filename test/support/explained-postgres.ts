/**
 * A PostgreSQL that writes down how it ran each statement (`auto_explain`): the plans of the service's own
 * connections, kept since whenever they were made, with the parameters of that moment, and what they read.
 */
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.js'
import { applyMigrations } from '../../src/platform/migrations/index.js'
import { createResources } from '../../src/platform/resources.js'
import type { PlanNode } from './plans.js'
import { startPostgresServer } from './postgres-server.js'

/** A statement that ran, and how. */
export interface Explained {
  /** Of a statement that has one; else the beginning of its text. */
  name: string
  isNamed: boolean
  plan: PlanNode
  durationMs: number
}

export interface ExplainedPostgres extends AsyncDisposable {
  url: string
  query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>
  /** What the service ran while something was done, on all its connections. */
  watch(work: () => Promise<unknown>): Promise<Explained[]>
}

const LOG_FILE = 'log'
/** Control characters, which no statement has: before each line of the log, and between its prefix and its message. */
const LINE = '\u001e'
const MESSAGE = '\u001f'

const settings = (logDirectory: string): Record<string, string> => ({
  fsync: 'off',
  max_connections: '100',
  // Statistics are as old as a test wants them.
  autovacuum: 'off',
  logging_collector: 'on',
  // Not JSON, which a PostgreSQL 14 can't write.
  log_destination: 'stderr',
  log_line_prefix: `${LINE}%a${MESSAGE}`,
  log_directory: logDirectory,
  log_filename: LOG_FILE,
  log_rotation_size: '0',
  log_statement: 'all',
  log_parameter_max_length: '0',
  session_preload_libraries: 'auto_explain',
  'auto_explain.log_min_duration': '0',
  'auto_explain.log_analyze': 'on',
  'auto_explain.log_buffers': 'on',
  'auto_explain.log_timing': 'off',
  'auto_explain.log_format': 'json',
  'auto_explain.log_parameter_max_length': '0',
})

/** @param bin the folder of the server's programs; those of the embedded one without it */
export async function startExplainedPostgres(bin?: string): Promise<ExplainedPostgres> {
  const resources = createResources()
  const directory = await mkdtemp(join(tmpdir(), 'node-event-service-plans-'))
  resources.use({ [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) })
  // Root's PostgreSQL runs as another user, who has to get in, and to write its log.
  await chmod(directory, 0o777)
  const url = bin === undefined ? await startEmbedded() : await startOther(bin)
  await applyMigrations({ databaseUrl: url })
  const client = new pg.Client(url)
  await client.connect()
  resources.use({ [Symbol.asyncDispose]: () => client.end() })

  async function startEmbedded(): Promise<string> {
    const options = { dataDirectory: join(directory, 'postgres'), settings: settings(directory) }
    return resources.use(await startEmbeddedPostgres(options)).url
  }

  async function startOther(programs: string): Promise<string> {
    const options = { directory: programs, settings: settings(directory) }
    return resources.use(await startPostgresServer(options)).url
  }

  const query = async <Row extends object>(text: string, values: unknown[] = []) =>
    (await client.query<Row>(text, values)).rows

  /**
   * What was logged since the last time, up to this moment. A process writes to the log before it answers, so
   * what was answered by now stands before the mark; what follows it may be half of a message.
   */
  let readTo = 0
  async function readLog(): Promise<LogLine[]> {
    const mark = randomUUID()
    await query(`select '${mark}'`)
    for (;;) {
      const text = await readFrom(join(directory, LOG_FILE), readTo)
      const markAt = text.indexOf(mark)
      const end = text.indexOf('\n', markAt)
      if (markAt !== -1 && end !== -1) {
        readTo += Buffer.byteLength(text.slice(0, end + 1))
        return text.slice(0, end).split(LINE).map(parseLine)
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** A statement is named when it is sent, and its plan is told of when it has run. */
  const names = new Map<string, string>()
  function toExplained({ message, applicationName }: LogLine): Explained[] {
    const [, name, text = ''] = /^execute ([a-z-]+): (.*)$/s.exec(message) ?? []
    if (name !== undefined) names.set(text.trim(), name)
    const [, ms, json] = /^duration: ([\d.]+) ms +plan:\n(.*)$/s.exec(message) ?? []
    if (json === undefined || applicationName !== 'node-event-service') return []
    const { 'Query Text': sql, Plan: plan } = JSON.parse(json) as { 'Query Text': string; Plan: PlanNode }
    const known = names.get(sql.trim())
    return [{ name: known ?? sql.slice(0, 500), isNamed: known !== undefined, plan, durationMs: Number(ms) }]
  }

  return {
    ...{ url, query },
    async watch(work) {
      for (const line of await readLog()) toExplained(line)
      await work()
      return (await readLog()).flatMap(toExplained)
    },
    [Symbol.asyncDispose]: resources[Symbol.asyncDispose],
  }
}

async function readFrom(file: string, position: number): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of createReadStream(file, { start: position })) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

interface LogLine {
  applicationName: string
  message: string
}

/** PostgreSQL begins each further line of a message with a tab. */
function parseLine(line: string): LogLine {
  const [applicationName = '', text = ''] = line.split(MESSAGE)
  return {
    applicationName,
    message: text
      .trimEnd()
      .replace(/^LOG: +/, '')
      .replaceAll('\n\t', '\n'),
  }
}
