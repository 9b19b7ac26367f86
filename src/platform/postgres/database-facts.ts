/** Reads what a start must know about a PostgreSQL before it relies on it. */
import { addAbortListener } from 'node:events'
import { Socket } from 'node:net'
import pg from 'pg'
import type { DatabasePlace } from './connect-errors.js'

export interface DatabaseFacts {
  /** Such as 150004. */
  versionNumber: number
  version: string
  encoding: string
  database: string
  user: string
  isStandby: boolean
  isReadOnly: boolean
  /** Whether the connection leads to PostgreSQL itself. A pooler reports another process id than the server's. */
  isDirect: boolean
  limits: ConnectionLimit[]
}

/** One of the limits of the number of connections. */
export interface ConnectionLimit {
  kind: 'role' | 'database' | 'server'
  most: number
  /** By other clients, at this moment. */
  inUse: number
}

/** Unlimited is -1 in PostgreSQL; superusers are above the first two limits and may use what is reserved. */
const readFacts = `
  select
    current_setting('server_version_num')::int as "versionNumber",
    current_setting('server_version') as version,
    current_setting('server_encoding') as encoding,
    current_database()::text as database,
    session_user::text as user,
    pg_is_in_recovery() as "isStandby",
    current_setting('transaction_read_only') = 'on' as "isReadOnly",
    pg_backend_pid() as pid,
    r.rolconnlimit as "mostOfRole",
    d.datconnlimit as "mostOfDatabase",
    r.rolsuper as "isSuperuser",
    current_setting('max_connections')::int as "mostOfServer",
    current_setting('superuser_reserved_connections')::int
      + coalesce(current_setting('reserved_connections', true)::int, 0) as reserved,
    (select count(*) filter (where usesysid = r.oid)::int from clients) as "usedOfRole",
    (select count(*) filter (where datid = d.oid)::int from clients) as "usedOfDatabase",
    (select count(*)::int from clients) as "usedOfServer"
  from pg_roles r, pg_database d
  where r.rolname = session_user and d.datname = current_database()`

/** Every role may see the user and the database of each connection. Only connections of clients have both. */
const withClients = `
  with clients as (
    select usesysid, datid from pg_stat_activity
    where pid <> pg_backend_pid() and usesysid is not null and datid is not null
  )`

interface Row extends Omit<DatabaseFacts, 'isDirect' | 'limits'> {
  pid: number
  isSuperuser: boolean
  reserved: number
  mostOfRole: number
  mostOfDatabase: number
  mostOfServer: number
  usedOfRole: number
  usedOfDatabase: number
  usedOfServer: number
}

export interface Visit {
  place: DatabasePlace
  /** @throws whatever the driver does, ETIMEDOUT after the time, or the signal's reason */
  look(timeoutMs: number, signal: AbortSignal): Promise<DatabaseFacts>
}

/**
 * @param hostUrl a URL with one host, from `parsePostgresUrl`
 * @throws Error of a file that the URL names, such as that of a CA
 */
export function prepareVisit(hostUrl: string): Visit {
  const socket = new Socket()
  const client = new pg.Client({
    connectionString: hostUrl,
    // Our own socket, which can be closed at every moment. The driver can't abort a connection.
    stream: () => socket,
    application_name: 'node-event-service start',
  })
  // A connection that breaks fails its statement. Without a listener the error would end the process.
  client.on('error', () => {})
  return {
    place: {
      address: client.host.startsWith('/') ? client.host : `${client.host}:${client.port}`,
      user: client.user ?? '',
      database: client.database ?? '',
    },
    async look(timeoutMs, signal) {
      const giveUp = (reason: Error) => socket.destroy(reason)
      const timer = setTimeout(() => giveUp(noAnswer()), timeoutMs)
      using _ = addAbortListener(signal, () => giveUp(signal.reason as Error))
      try {
        await client.connect()
        const { rows } = await client.query<Row>(withClients + readFacts)
        return toFacts(rows[0] as Row, client)
      } finally {
        clearTimeout(timer)
        void client.end().catch(() => {})
      }
    },
  }
}

const noAnswer = () => Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })

function toFacts(row: Row, client: pg.Client): DatabaseFacts {
  const { pid, isSuperuser, reserved } = row
  const limits: ConnectionLimit[] = [
    { kind: 'server', most: row.mostOfServer - (isSuperuser ? 0 : reserved), inUse: row.usedOfServer },
  ]
  if (row.mostOfRole >= 0 && !isSuperuser)
    limits.push({ kind: 'role', most: row.mostOfRole, inUse: row.usedOfRole })
  if (row.mostOfDatabase >= 0 && !isSuperuser)
    limits.push({ kind: 'database', most: row.mostOfDatabase, inUse: row.usedOfDatabase })
  const { processID } = client as unknown as { processID: number }
  return { ...row, isDirect: processID === pid, limits }
}
