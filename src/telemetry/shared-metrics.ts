/** One answer to Prometheus for all processes, whichever of them is asked: their metrics, added up. */
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

/** In the first process: adds up on request. */
export function aggregateMetrics(): void {
  const registry = new AggregatorRegistry()
  cluster.on('message', async (worker, message) => {
    if (!isAboutMetrics(message)) return
    // One that is about to die doesn't answer: then whoever asked gives its own.
    const text = await registry.clusterMetrics().catch(() => '')
    if (worker.isConnected()) worker.send({ ...message, text } satisfies MetricsResponse)
  })
}

/** How this process prints its metrics: with those of its peers, where it has any. */
export function createPrinter(registry: Registry): () => Promise<string> {
  if (!cluster.isWorker) return () => registry.metrics()
  AggregatorRegistry.setRegistries([registry])
  // Made for the listener that it adds: it answers when the first process collects.
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
