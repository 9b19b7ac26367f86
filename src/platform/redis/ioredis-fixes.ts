/** Corrects three faults of ioredis 5: one of every client, two of the nodes of a Cluster. */
import { Cluster, type Redis } from 'ioredis'
import type { RedisClient } from './clients.js'

/** One entry of `CLUSTER SLOTS`: first and last slot, and the nodes that have them, as host, port and more. */
type SlotRange = [number, number, ...[host: string | null, port: number, ...unknown[]][]]
type OnSlots = (error: Error | null, ranges?: SlotRange[]) => void

/** Must be called before the client has connected. */
export function fixClient(client: RedisClient): void {
  if (client instanceof Cluster) client.on('+node', fixNode)
  else endAnswerTimeout(client)
}

function fixNode(node: Redis): void {
  endAnswerTimeout(node)
  ignoreAskingErrors(node)
  nameHosts(node)
}

/**
 * ioredis keeps the timer of `socketTimeout` when a connection closes during a command. The timer then keeps the
 * process alive, or closes the next connection although that one answers.
 */
function endAnswerTimeout(client: Redis): void {
  const timers = client as unknown as { socketTimeoutTimer: NodeJS.Timeout | undefined }
  client.on('close', () => {
    clearTimeout(timers.socketTimeoutTimer)
    timers.socketTimeoutTimer = undefined
  })
}

/** ioredis sends ASKING for a slot that moves to another node, and does not handle the rejection. */
function ignoreAskingErrors(node: Redis): void {
  const asking = node.asking.bind(node)
  node.asking = () => {
    const asked = asking()
    asked.catch(() => {})
    return asked
  }
}

/**
 * A node that is alone, or configured to hide its address, leaves the host out of `CLUSTER SLOTS`. The host then is the
 * one that was asked (https://redis.io/docs/latest/commands/cluster-slots/). ioredis would ignore such a node.
 */
function nameHosts(node: Redis): void {
  const duplicate = node.duplicate.bind(node)
  node.duplicate = (override) => {
    const copy = duplicate(override)
    const readSlots = copy.cluster.bind(copy) as (command: string, done: OnSlots) => unknown
    const readSlotsWithHosts = (command: string, done: OnSlots) =>
      readSlots(command, (error, ranges) => done(error, ranges && withHosts(ranges, copy.options.host)))
    copy.cluster = readSlotsWithHosts as typeof copy.cluster
    return copy
  }
}

const withHosts = (ranges: SlotRange[], host = 'localhost'): SlotRange[] =>
  ranges.map(([first, last, ...nodes]) => [
    first,
    last,
    ...nodes.map(([named, ...rest]): SlotRange[2] => [named || host, ...rest]),
  ])
