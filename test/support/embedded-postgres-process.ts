/** A process that starts an embedded PostgreSQL, prints its URL as a line of JSON, and holds it until it is killed. */
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.js'

const { url, adopted } = await startEmbeddedPostgres({ dataDirectory: process.argv[2] ?? '' })
process.stdout.write(`${JSON.stringify({ url, adopted })}\n`)
