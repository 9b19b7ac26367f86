import { expect, it } from 'vitest'
import { createPoller } from '../../src/platform/poller.js'

it('counts as idle since the last run that ended well', async () => {
  let isBroken = false
  let runs = 0
  await using poller = createPoller({
    async run() {
      runs += 1
      if (isBroken) throw new Error('broken')
      return false
    },
    intervalMs: 5,
    onError: () => {},
  })
  poller.start()
  await expect.poll(() => runs, { interval: 5 }).toBeGreaterThan(3)
  isBroken = true
  const before = runs
  await expect.poll(() => runs, { interval: 5 }).toBeGreaterThan(before + 20)
  const idleMs = poller.idleMs
  expect(idleMs).toBeGreaterThan(50)
  isBroken = false
  await expect.poll(() => poller.idleMs, { interval: 1 }).toBeLessThan(idleMs)
})

it('runs nothing before its start, whatever wakes it, and nothing after its end', async () => {
  let runs = 0
  const poller = createPoller({ run: async () => ++runs < 0, intervalMs: 1, onError: () => {} })
  const wakeBothWays = async () => {
    poller.wake()
    poller.wakeIn(0)
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await wakeBothWays()
  expect(runs).toBe(0)
  poller.start()
  await expect.poll(() => runs, { interval: 1 }).toBeGreaterThan(1)
  await poller[Symbol.asyncDispose]()
  const before = runs
  await wakeBothWays()
  expect(runs).toBe(before)
})
