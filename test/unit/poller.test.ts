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
  await expect.poll(() => runs, { interval: 5 }).toBeGreaterThan(3)
  isBroken = true
  const before = runs
  await expect.poll(() => runs, { interval: 5 }).toBeGreaterThan(before + 20)
  const idleMs = poller.idleMs
  expect(idleMs).toBeGreaterThan(50)
  isBroken = false
  await expect.poll(() => poller.idleMs, { interval: 1 }).toBeLessThan(idleMs)
})
