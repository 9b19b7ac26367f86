/**
 * The naive durable relay, the second reference: what an afternoon gives. One INSERT is committed before the
 * answer, and one UPDATE after the endpoints' 2xx; prepared statements and a pool of connections, but no
 * queue and no batches, and no retries either.
 */
import pg from 'pg'
import { serveCommands } from './commands.js'
import { createPoster, type RelayCommands, type RelayedEvent, takeEvents } from './relaying.js'

const createTable = `
  create table if not exists relayed (
    id uuid primary key, type text not null, payload json not null,
    status text not null, "createdAt" timestamptz not null, "updatedAt" timestamptz not null default now()
  )`

const insert = {
  name: 'insert',
  text: `insert into relayed (id, type, payload, status, "createdAt") values ($1, $2, $3, 'PENDING', $4)`,
}

const update = {
  name: 'update',
  text: `update relayed set status = 'SENT', "updatedAt" = now() where id = $1`,
}

/** The default of `pg`, and as many as the service has for its hot path. */
const CONNECTIONS = 10

let open = 0

const commands: RelayCommands = {
  async start({ endpoints, databaseUrl }) {
    const pool = new pg.Pool({ connectionString: databaseUrl, max: CONNECTIONS })
    await pool.query(createTable)
    const post = createPoster(endpoints)

    async function deliver(event: RelayedEvent): Promise<void> {
      await post(event)
      await pool.query({ ...update, values: [event.id] })
      open -= 1
    }

    return takeEvents(async (event) => {
      open += 1
      const { id, type, payload, createdAt } = event
      await pool.query({ ...insert, values: [id, type, JSON.stringify(payload), createdAt] })
      // After the answer, which leaves when this has resolved.
      setImmediate(() => void deliver(event))
    })
  },
  open: () => open,
}

serveCommands(commands)
