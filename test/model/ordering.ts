/** What ordered delivery should do: whose turn it is in the line of an ordering key. */
import {
  deliveriesOf,
  isInOutbox,
  isOpen,
  type PicturedDelivery,
  type ReferenceModel,
} from './reference-model.js'

/** What must come to its end before an attempt of this delivery: deliveries, and events that may become some. */
export function predecessorsOf(model: ReferenceModel, delivery: PicturedDelivery): object[] {
  const { line, place, subscription } = delivery
  if (line === null || !subscription.isOrdered || delivery.isReleased) return []
  const events = model.events.filter(
    (event) => event.orderingKey === line && event.place < place && isInOutbox(event),
  )
  return [...events, ...earlierOf(model, delivery).filter(isOpen)]
}

/** Of the same line. */
const earlierOf = (
  model: ReferenceModel,
  { line, place, subscription }: PicturedDelivery,
): PicturedDelivery[] =>
  deliveriesOf(model).filter(
    (other) => other.line === line && other.subscription === subscription && other.place < place,
  )

/** How many of a line have come to their end before this delivery has its turn. */
export const countEarlier = (model: ReferenceModel, delivery: PicturedDelivery): number =>
  delivery.line === null || !delivery.subscription.isOrdered ? 0 : earlierOf(model, delivery).length

/** Its turn has come. */
export function leaveLine(delivery: PicturedDelivery): void {
  if (!delivery.isInLine) return
  delivery.isInLine = false
  delivery.isReleased = !delivery.subscription.isOrdered
}
