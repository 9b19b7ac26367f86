/**
 * Whether PostgreSQL takes writes and makes them last, which nothing but a write can tell: a standby answers every read, a
 * full disk too, and a commit that waits for a synchronous standby that is gone waits for ever.
 */
import type { Database } from './database.js'

/** Changes nothing, but is a row to be written and a commit to be waited for. */
const write = { name: 'check-writing', text: 'update installation set id = id' }

/** Whoever asks within this time of another gets its answer: health is open to everyone, and a commit is not for free. */
const SHARED_FOR_MS = 500

/** @returns a check that resolves when a write was committed, and rejects with what PostgreSQL said otherwise */
export function createWriteCheck(database: Database): () => Promise<unknown> {
  let latest: { answer: Promise<unknown>; startedAt: number } | undefined
  return () => {
    if (latest === undefined || performance.now() - latest.startedAt > SHARED_FOR_MS) {
      latest = { answer: database.query(write, []), startedAt: performance.now() }
      // Heard by those who asked.
      latest.answer.catch(() => {})
    }
    return latest.answer
  }
}
