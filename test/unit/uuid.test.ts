import { describe, expect, it } from 'vitest'
import { createIdSource, ID_TIME_MARGIN_MS, timeOfUuidV7 } from '../../src/platform/uuid.js'

describe('ids', () => {
  let nowMs = Date.parse('2026-03-04T05:06:07.089Z')
  const newId = createIdSource({ now: () => new Date(nowMs), nowMs: () => nowMs })

  it('grow within a millisecond, and while a clock that was set back has not caught up', () => {
    const ids = [newId()]
    for (const stepMs of [0, 1, -1000, 500, -ID_TIME_MARGIN_MS / 2, 1, ID_TIME_MARGIN_MS]) {
      nowMs += stepMs
      ids.push(newId())
      expect(timeOfUuidV7(ids.at(-1) as string) - nowMs).toBeGreaterThanOrEqual(0)
    }
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.toSorted()).toEqual(ids)
    expect(timeOfUuidV7(ids.at(-1) as string)).toBe(nowMs)
  })

  it('follow a clock that was set back by more than their time may be wrong', () => {
    newId()
    nowMs -= ID_TIME_MARGIN_MS + 1
    expect(timeOfUuidV7(newId())).toBe(nowMs)
  })
})
