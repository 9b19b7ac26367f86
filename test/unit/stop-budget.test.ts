import { describe, expect, it } from 'vitest'
import * as budget from '../../src/budgets.js'

/** Kubernetes' `terminationGracePeriodSeconds`, where nothing else is said. */
const KUBERNETES_KILLS_AFTER_MS = 30_000
const DEFAULT_GRACE_MS = 3000

describe('the budget of a stop', () => {
  it('ends before Kubernetes kills, with one process and with several', () => {
    const oneMs = budget.totalMs(DEFAULT_GRACE_MS) + budget.LEFT_OPEN_MS
    const severalMs = budget.processesMs(DEFAULT_GRACE_MS) + budget.LEFT_OPEN_MS
    expect(Math.max(oneMs, severalMs)).toBeLessThan(KUBERNETES_KILLS_AFTER_MS)
  })

  it('has room for its parts, one after the other, and for PostgreSQL', () => {
    const { UNDER_WAY_MS, RECORD_MS, QUEUE_MS, OTHER_MS, DATABASE_MS, processesMs, LEFT_OPEN_MS } = budget
    const partsMs = UNDER_WAY_MS + RECORD_MS + QUEUE_MS + DATABASE_MS
    expect(partsMs).toBeLessThanOrEqual(processesMs(0) - LEFT_OPEN_MS)
    expect(OTHER_MS).toBeLessThan(UNDER_WAY_MS)
  })
})
