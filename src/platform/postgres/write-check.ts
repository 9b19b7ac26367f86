/**
 * Checks by a write whether PostgreSQL takes writes and commits them. Reads prove nothing: a standby and a server with
 * a full disk answer them, and without its synchronous standby a server waits for ever with each commit.
 */
import type { Database, Statement } from './database.js'

/** Changes no value, but writes a row and waits for the commit. */
const checkWriting: Statement = { name: 'check-writing', text: 'update installation set id = id' }

/** Checks within this time share one result: health needs no key, and a commit costs something. */
const SHARED_FOR_MS = 500

/** @returns a check that resolves when a write was committed, and rejects with the error of PostgreSQL */
export function createWriteCheck(database: Database): () => Promise<unknown> {
  let latest: { answer: Promise<unknown>; startedAt: number } | undefined
  return () => {
    if (latest === undefined || performance.now() - latest.startedAt > SHARED_FOR_MS) {
      latest = { answer: database.query(checkWriting, []), startedAt: performance.now() }
      // The callers of the check get the error.
      latest.answer.catch(() => {})
    }
    return latest.answer
  }
}
