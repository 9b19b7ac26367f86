/** Adds up the metrics of all processes, so that each process answers Prometheus for all. */
import cluster from 'node:cluster'
import { AggregatorRegistry, type Registry } from 'prom-client'

interface MetricsRequest {
  metricsFor: number
}

interface MetricsResponse {
  metricsFor: number
  text: string
}

const isAboutMetrics = (message: unknown): message is MetricsRequest | MetricsResponse =>
  typeof message === 'object' && message !== null && 'metricsFor' in message

/** In the primary: adds up on request. */
export function aggregateMetrics(): void {
  const registry = new AggregatorRegistry()
  cluster.on('message', async (worker, message) => {
    if (!isAboutMetrics(message)) return
    // A process that is about to end doesn't answer. The process that was scraped then returns only its own metrics.
    const text = await registry.clusterMetrics().catch(() => '')
    if (worker.isConnected()) worker.send({ ...message, text } satisfies MetricsResponse)
  })
}

/** The metrics of this process and its peers, as text. */
export function createPrinter(registry: Registry): () => Promise<string> {
  if (!cluster.isWorker) return () => registry.metrics()
  AggregatorRegistry.setRegistries([registry])
  // Created for its listener, which answers the primary.
  new AggregatorRegistry()
  const waiting = new Map<number, (text: string) => void>()
  let lastRequestId = 0
  process.on('message', (message) => {
    if (!isAboutMetrics(message) || !('text' in message)) return
    waiting.get(message.metricsFor)?.(message.text)
    waiting.delete(message.metricsFor)
  })
  return async () => {
    lastRequestId += 1
    const answer = new Promise<string>((resolve) => waiting.set(lastRequestId, resolve))
    process.send?.({ metricsFor: lastRequestId } satisfies MetricsRequest)
    return (await answer) || registry.metrics()
  }
}
