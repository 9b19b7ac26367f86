/** A process that starts an embedded PostgreSQL, tells of it on a line of JSON, and holds it until it is killed. */
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.js'

const { url, adopted } = await startEmbeddedPostgres({ dataDirectory: process.argv[2] as string })
process.stdout.write(`${JSON.stringify({ url, adopted })}\n`)
