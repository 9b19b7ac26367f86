/**
 * PostgreSQL rolls a transaction back when another one is in its way: a deadlock, or a serialization failure. The same
 * transaction then succeeds when it is tried again, so callers are spared the error.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { isConflictOfTransactions } from './database-errors.js'

const MAX_TRIES = 5
/** Doubled with each try. The pause is random up to this, so that two transactions don't collide again. */
const FIRST_PAUSE_MS = 5

/** @param transact runs one whole transaction, and nothing that outlasts its rollback. */
export async function tryAgainOnConflict<Result>(transact: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await transact()
    } catch (error) {
      if (tries === MAX_TRIES || !isConflictOfTransactions(error)) throw error
      await pause(Math.random() * FIRST_PAUSE_MS * 2 ** tries)
    }
  }
}
