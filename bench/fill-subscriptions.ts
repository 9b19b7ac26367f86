/** Fills the table of subscriptions with enabled ones of others, each of an event type that nobody publishes. */
import pg from 'pg'

const fill = `
  insert into subscriptions (id, "endpointUrl", "eventTypes", secret, fingerprint)
  select uuid_v7(), 'http://127.0.0.1:9/' || n, array['other.type' || n], 'secret-of-others', sha256(n::text::bytea)
  from generate_series(1, $1::int) as n`

export async function fillSubscriptions(databaseUrl: string, count: number): Promise<void> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  try {
    await client.query(fill, [count])
    await client.query('vacuum analyze subscriptions')
  } finally {
    await client.end()
  }
}
