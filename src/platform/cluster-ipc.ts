/** Messages between the processes of one service on one machine. The primary process relays them. */
import cluster from 'node:cluster'

interface RelayedMessage {
  passedOn: { channel: string; message: unknown }
}

const isRelayed = (message: unknown): message is RelayedMessage =>
  typeof message === 'object' && message !== null && 'passedOn' in message

/** In the primary: sends each message of a worker to all other workers. */
export function relayMessages(): void {
  cluster.on('message', (from, message) => {
    if (!isRelayed(message)) return
    for (const worker of Object.values(cluster.workers ?? {})) {
      if (worker !== undefined && worker !== from && worker.isConnected()) worker.send(message)
    }
  })
}

export interface Peers {
  send(channel: string, message: unknown): void
  onMessage(listener: (channel: string, message: unknown) => void): void
}

/** @returns undefined where this process is the only one */
export function connectToPeers(): Peers | undefined {
  if (!cluster.isWorker) return undefined
  return {
    send(channel, message) {
      if (process.connected) process.send?.({ passedOn: { channel, message } } satisfies RelayedMessage)
    },
    onMessage(listener) {
      process.on('message', (message) => {
        if (isRelayed(message)) listener(message.passedOn.channel, message.passedOn.message)
      })
    },
  }
}
