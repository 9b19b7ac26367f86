/**
 * Hand-written statements for what a viewer asks for. Each says where the viewer's tenant counts: without that it is no
 * `VisibleStatement`, and a `VisibleDatabase` runs no other.
 */
import type { Statement } from '../platform/postgres/database.js'

declare const brand: unique symbol

/** The tenant of the viewer, or null, is its last parameter. */
export interface VisibleStatement extends Statement {
  readonly [brand]: true
}

/** SQL: what a statement is written with. */
export interface Sight {
  /** Whether the viewer sees the row `row` of events, subscriptions or deliveries. */
  isVisible(row: string): string
  /** The parameter: the viewer's tenant, or null. */
  tenant: string
}

/**
 * @param parameters how many the statement has before the tenant
 * @throws Error when the statement doesn't ask for the tenant
 */
export function forViewer(
  { name, parameters }: { name: string; parameters: number },
  write: (sight: Sight) => string,
): VisibleStatement {
  const tenant = `$${parameters + 1}::text`
  const text = write({ tenant, isVisible: (row) => `(${tenant} is null or ${row}.tenant = ${tenant})` })
  if (!text.includes(tenant)) throw new Error(`the statement ${name} shows everybody everything`)
  return { name, text } as VisibleStatement
}
