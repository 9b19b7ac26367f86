/** What an erasure takes from an event and its logs. All else is history, and stays: a key needs its `contentHash`. */
import { sqlNow } from '../platform/postgres/sql-now.js'

/** SQL: what an UPDATE of an event sets. `updatedAt` stays, which retention counts from. */
export const sqlErasePayload = `data = '{}', metadata = null, "erasedAt" = ${sqlNow}`

/** SQL: erases what the attempts of deliveries have kept. @param deliveries a query for their ids */
export const sqlEraseLogs = (deliveries: string): string => `
  update "deliveryLogs" set headers = null, "responseBody" = null
  where "deliveryId" = any (array(${deliveries})) and (headers is not null or "responseBody" is not null)
  returning 1`
