/** Checks what is published by the schema of its type, before anything is stored. */
import { badInput } from '../errors.js'
import type { Publication } from '../events/publication.js'
import type { Published, Publisher } from '../events/publish.js'
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
    if (checked.mode === 'WARN') return undefined
    serviceEvents.emit('ingested', { result: 'rejected', count: 1 })
    return badInput(violations)
  }

  return {
    async publish(publication) {
      const refusal = refusalOf(publication)
      if (refusal !== undefined) throw refusal
      return publisher.publish(publication)
    },
    async publishAll(publications) {
      const refusals = publications.map(refusalOf)
      const allowed = publications.filter((_, index) => refusals[index] === undefined)
      const results = allowed.length === 0 ? [] : await publisher.publishAll(allowed)
      const left = results.values()
      return refusals.map((refusal) => refusal ?? (left.next().value as Published | Error))
    },
  }
}
