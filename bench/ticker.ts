/**
 * Ticks on time, in a thread of its own: timers of Node.js are late by up to a millisecond, which is as long as
 * what is measured. Each tick is due at an absolute time, so being late once doesn't move the next.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { nowUs } from './clock.js'

export interface Ticks {
  startUs: number
  intervalUs: number
  count: number
}

const { startUs, intervalUs, count } = workerData as Ticks
const nobodyWrites = new Int32Array(new SharedArrayBuffer(4))

for (let tick = 0; tick < count; tick++) {
  const waitMs = (startUs + tick * intervalUs - nowUs()) / 1000
  if (waitMs > 0) Atomics.wait(nobodyWrites, 0, 0, waitMs)
  parentPort?.postMessage(tick)
}
