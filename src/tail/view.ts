import type { DeliveryFieldsFragment } from '../client/index.js'

/** Where deliveries are shown. */
export interface View {
  show(delivery: DeliveryFieldsFragment): void
  /** A sentence about the connection. */
  showStatus(message: string): void
  /** Leaves the terminal as it was found. */
  close(): void
}

/** One line, with nothing in it that a terminal would obey: errors quote what endpoints answer. */
export const plain = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
