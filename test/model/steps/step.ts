/** What a step is, and how one is made. */
import { everythingIn } from '../../support/viewers.js'
import type { World } from '../world.js'

/** Only what has something to choose from can happen. */
export interface Step {
  from(world: World): unknown[]
  run(world: World, n: number): Promise<void>
}

/** @param from what there is to choose from; `n` chooses one of it */
export const step = <Item>(
  from: (world: World) => Item[],
  run: (world: World, item: Item, n: number) => Promise<void>,
): Step => ({
  from,
  run: (world, n) => {
    const items = from(world)
    return run(world, items[n % items.length] as Item, n)
  },
})

/** What users have: the database as an API key without a tenant sees it. */
export const userContextOf = ({ database, engine: { serviceEvents } }: World) => ({
  ...{ database: everythingIn(database), serviceEvents },
  onDue: () => {},
})
