// A store for `processOnce` of node-event-service-client/webhook, in PostgreSQL, with the library pg. Rows whose time is
// over are taken again; delete them now and then.

export const table = `
  create table if not exists processed_webhooks (
    id text primary key,
    token text, -- null once it was processed
    until timestamptz not null
  )`

const TAKE = `
  insert into processed_webhooks values ($1, $2, now() + $3 * interval '1 second')
  on conflict (id) do update set token = excluded.token, until = excluded.until
  where processed_webhooks.until <= now()`

const FINISH = `
  insert into processed_webhooks values ($1, null, now() + $2 * interval '1 second')
  on conflict (id) do update set token = null, until = excluded.until`

/** @param {import('pg').Pool} pool */
export function createPostgresStore(pool) {
  return {
    async take(id, token, leaseSeconds) {
      if ((await pool.query(TAKE, [id, token, leaseSeconds])).rowCount === 1) return 'TAKEN'
      const { rows } = await pool.query('select token from processed_webhooks where id = $1', [id])
      return rows[0]?.token === null ? 'DONE' : 'BUSY'
    },
    finish: (id, keepSeconds) => pool.query(FINISH, [id, keepSeconds]),
    giveBack: (id, token) =>
      pool.query('delete from processed_webhooks where id = $1 and token = $2', [id, token]),
  }
}
