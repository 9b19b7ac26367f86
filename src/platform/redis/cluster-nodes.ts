/** Two things that ioredis leaves undone for the nodes of a Cluster. */
import type { Cluster, Redis } from 'ioredis'

/** Of `CLUSTER SLOTS`: first and last slot, and who has them, as host, port and more. */
type SlotRange = [number, number, ...[host: string | null, port: number, ...unknown[]][]]
type HearSlots = (error: Error | null, ranges?: SlotRange[]) => void

/** To be called as soon as it is made: before it has nodes. */
export function mendNodes(cluster: Cluster): Cluster {
  return cluster.on('+node', (node: Redis) => {
    hearAsking(node)
    nameHosts(node)
  })
}

/** For a slot that is on its way to another node, ASKING is sent, and nobody would hear that it failed. */
function hearAsking(node: Redis): void {
  const asking = node.asking.bind(node)
  node.asking = () => {
    const asked = asking()
    asked.catch(() => {})
    return asked
  }
}

/**
 * A node that is alone, or is told to keep its address to itself, leaves out the host, which then is the one that was asked
 * (https://redis.io/docs/latest/commands/cluster-slots/). ioredis would pass over it.
 */
function nameHosts(node: Redis): void {
  const duplicate = node.duplicate.bind(node)
  node.duplicate = (override) => {
    const copy = duplicate(override)
    const ask = copy.cluster.bind(copy) as (command: string, done: HearSlots) => unknown
    const askWithHosts = (command: string, done: HearSlots) =>
      ask(command, (error, ranges) => done(error, ranges && withHosts(ranges, copy.options.host)))
    copy.cluster = askWithHosts as typeof copy.cluster
    return copy
  }
}

const withHosts = (ranges: SlotRange[], host = 'localhost'): SlotRange[] =>
  ranges.map(([first, last, ...nodes]) => [
    first,
    last,
    ...nodes.map(([named, ...rest]): SlotRange[2] => [named || host, ...rest]),
  ])
