/** Processes die and come back. */
import { deliveriesOf, release } from '../reference-model.js'
import type { World } from '../world.js'
import { step } from './step.js'

function loseMemory({ engine, underWay }: World): void {
  engine.crash()
  underWay.clear()
}

/** Of one worker among others: what it held stays leased until that runs out. */
export const crash = step(
  ({ engine }) => [...engine.queue, ...engine.requests],
  async (world) => loseMemory(world),
)

/** Of one process: the queue is the others', and what this one held stays leased until that runs out. */
export const crashOne = step(
  ({ engine }) => engine.requests,
  async ({ engine, underWay }, { process }) => {
    engine.crashOne(process)
    for (const request of underWay.keys()) if (request.process === process) underWay.delete(request)
  },
)

/** Of the last worker, which comes back. */
export const crashAndRestart = step(
  ({ model }) => deliveriesOf(model).filter(({ token }) => token !== null),
  async (world) => {
    loseMemory(world)
    await world.engine.restart()
    deliveriesOf(world.model).forEach(release)
  },
)
