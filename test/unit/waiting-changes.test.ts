/** Changes that wait for their watchers: all of them, in order, or the newest of each row when there are many. */
import { describe, expect, it } from 'vitest'
import { createWaitingChanges, newestOfEach, type Row } from '../../src/graphql/waiting-changes.js'

interface Change extends Row {
  status: string
}

const change = (id: number, status: string, ms = 0): Change => ({
  ...{ id: `${id}`, status, updatedAt: new Date(ms) },
})
const createWaiting = () => createWaitingChanges<Change>((row) => row)
const states = ['PENDING', 'FAILED', 'SENT']

describe('waiting changes', () => {
  it('are all kept, in order, while there are few', () => {
    const waiting = createWaiting()
    const changes = Array.from({ length: 33 }, (_, id) => states.map((status, at) => change(id, status, at)))
    for (const one of changes.flat()) expect(waiting.add(one)).toBe(true)
    expect(waiting.takeAll()).toEqual(changes.flat())
    expect(waiting.isEmpty).toBe(true)
  })

  it('are the newest of each row, in the order of their arrival, when there are many', () => {
    const waiting = createWaiting()
    for (const [at, status] of states.entries())
      for (let id = 0; id < 1000; id++) waiting.add(change(id, status, at))
    const taken = waiting.takeAll()
    expect(taken).toEqual(Array.from({ length: 1000 }, (_, id) => change(id, 'SENT', 2)))
    expect(waiting.takeAll()).toEqual([])
  })

  it('never go back: what arrives late does not stand for a newer change', () => {
    const changes = [change(1, 'SENT', 2), change(2, 'PENDING', 1), change(1, 'PENDING', 1)]
    expect(newestOfEach(changes, (row) => row)).toEqual([changes[0], changes[1]])
  })

  it('give the last word to the later one of two changes in one millisecond', () => {
    expect(newestOfEach([change(1, 'PENDING'), change(1, 'SENT')], (row) => row)).toEqual([change(1, 'SENT')])
  })

  it('are bounded by the number of rows', () => {
    const waiting = createWaiting()
    let id = 0
    while (waiting.add(change(id, 'SENT'))) id += 1
    expect(id).toBeGreaterThan(10_000)
    expect(id).toBeLessThan(30_000)
    const others = createWaiting()
    for (let count = 0; count < 100_000; count++) expect(others.add(change(count % 500, 'SENT'))).toBe(true)
  })
})
