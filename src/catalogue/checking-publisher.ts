/** Checks what is published by the schema of its type, before anything is stored. */
import { badInput } from '../errors.js'
import { exceptRefused } from '../events/except-refused.js'
import type { Publication } from '../events/publication.js'
import type { Publisher } from '../events/publish.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import type { Catalogue } from './catalogue.js'
import type { ViolationCounts } from './violations.js'

export interface CheckingOptions {
  catalogue: Catalogue
  violationCounts: ViolationCounts
  serviceEvents: ServiceEvents
}

export function createCheckingPublisher(publisher: Publisher, options: CheckingOptions): Publisher {
  const { catalogue, violationCounts, serviceEvents } = options

  /** Why it must not be published; undefined for nearly all. */
  function refusalOf({ type, data }: Publication): Error | undefined {
    const checked = catalogue.find(type)
    if (checked === undefined) return undefined
    const violations = checked.check(data)
    if (violations.length === 0) return undefined
    violationCounts.add(checked.id, violations)
    serviceEvents.emit('schemaViolated', { mode: checked.mode })
    return checked.mode === 'WARN' ? undefined : badInput(violations)
  }

  /** The request as a whole is taken, so nobody else counts it. */
  function countedRefusalOf(publication: Publication): Error | undefined {
    const refusal = refusalOf(publication)
    if (refusal !== undefined) serviceEvents.emit('ingested', { result: 'rejected', count: 1 })
    return refusal
  }

  return {
    async publish(publication) {
      const refusal = refusalOf(publication)
      // Who asked counts what is refused before it comes to the publisher, and so this.
      if (refusal !== undefined) throw refusal
      return publisher.publish(publication)
    },
    publishAll: (publications) =>
      exceptRefused(publications, countedRefusalOf, (allowed) => publisher.publishAll(allowed)),
  }
}
