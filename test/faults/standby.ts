/** A synchronous standby of a server that runs, made as pg_basebackup does, which the npm package does not have. */
import type { ChildProcess } from 'node:child_process'
import { appendFile, chown, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import type { Account } from '../../src/platform/embedded-postgres/account.js'
import { run } from '../../src/platform/embedded-postgres/run.js'
import { until } from './until.js'

export interface StandbyOptions {
  /** The primary's. */
  cluster: string
  primaryUrl: string
  standby: { cluster: string; port: number }
  account: Account | undefined
  start(): ChildProcess
}

const FOLLOWS_WITHIN_MS = 120_000

/** Resolves once each commit of the primary waits for the standby. */
export async function makeStandby(options: StandbyOptions): Promise<ChildProcess> {
  const { primaryUrl, start } = options
  await copyCluster(options)
  const server = start()
  await asSuperuser(primaryUrl, `alter system set synchronous_standby_names = 'standby'`)
  await asSuperuser(primaryUrl, 'select pg_reload_conf()')
  const isFollowing = async () => {
    const rows = await asSuperuser(primaryUrl, `select from pg_stat_replication where sync_state = 'sync'`)
    return rows.length === 1
  }
  await until('the standby follows', isFollowing, { timeoutMs: FOLLOWS_WITHIN_MS })
  return server
}

async function copyCluster({ cluster, standby, primaryUrl, account }: StandbyOptions): Promise<void> {
  const copy = standby.cluster
  const client = new pg.Client(primaryUrl)
  client.on('error', () => {})
  await client.connect()
  try {
    // The server keeps the log that the standby asks for from here on.
    await client.query('alter system set wal_keep_size = 128')
    await client.query('select pg_reload_conf()')
    await client.query(`select pg_backup_start('standby', true)`)
    // Files that vanish meanwhile are no loss: the log has what became of them.
    await run('/bin/sh', ['-c', 'cp -a "$0" "$1" 2>/dev/null || true', cluster, copy], undefined)
    const { rows } = await client.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)')
    await writeFile(join(copy, 'backup_label'), rows[0]?.labelfile ?? '')
  } finally {
    await client.end()
  }
  for (const name of ['postmaster.pid', 'postmaster.opts']) await rm(join(copy, name), { force: true })
  await run('/bin/sh', ['-c', 'find "$0/pg_wal" -type f -delete', copy], undefined)
  const { hostname, port, username, password } = new URL(primaryUrl)
  const follow = `host=${hostname} port=${port} user=${username} password=${password} application_name=standby`
  await appendFile(join(copy, 'postgresql.auto.conf'), `primary_conninfo = '${follow}'\n`)
  await writeFile(join(copy, 'standby.signal'), '')
  if (account === undefined) return
  for (const name of ['backup_label', 'standby.signal'])
    await chown(join(copy, name), account.uid, account.gid)
}

/** One statement on a connection of its own. */
export async function asSuperuser(url: string, statement: string): Promise<object[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query<object>(statement)).rows
  } finally {
    await client.end()
  }
}
