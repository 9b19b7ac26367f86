/** Messages between processes that one machine runs as one service, by way of the first of them. */
import cluster from 'node:cluster'

interface RelayedMessage {
  passedOn: { channel: string; message: unknown }
}

const isRelayed = (message: unknown): message is RelayedMessage =>
  typeof message === 'object' && message !== null && 'passedOn' in message

/** In the first process: what one of the others says, all but that one hear. */
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

/** Where this process has peers; undefined where it is the only one. */
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
