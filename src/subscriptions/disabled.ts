/** Why and since when a subscription is disabled, and the operational event that tells of it. */
import type { Prisma } from '../generated/prisma/client.js'
import type { DisabledReason } from '../generated/prisma/enums.js'
import {
  type ReportedRow,
  reportedRowKind,
  sqlReportParts,
  subscriptionDisabled,
} from '../model/operational-event.js'
import { sqlRowsOfKinds } from '../model/row-kinds.js'

/** The columns as they are stored, and as they are shown. */
export interface Disabled {
  disabledReason: DisabledReason | null
  disabledAt: Date | null
}

/**
 * As it is shown. The columns count for a disabled subscription only. A process of the version before disables without
 * a reason, mostly because a user asked it to.
 */
export const visibleDisabled = ({
  isEnabled,
  disabledReason,
  disabledAt,
}: Disabled & { isEnabled: boolean }): Disabled =>
  isEnabled
    ? { disabledReason: null, disabledAt: null }
    : { disabledReason: disabledReason ?? 'MANUAL', disabledAt }

/** The columns after a user has set `isEnabled`. */
export const disabledByUser = (isEnabled: boolean, now: Date): Disabled =>
  isEnabled ? { disabledReason: null, disabledAt: null } : { disabledReason: 'MANUAL', disabledAt: now }

const sqlReportDisabled = `
  with ${sqlReportParts(subscriptionDisabled('s', 'subscriptions s where s.id = $1::uuid'))}
  ${sqlRowsOfKinds({ reported: reportedRowKind })}`

/** Stores the operational event, in the transaction that has disabled the subscription. */
export const reportDisabled = (transaction: Prisma.TransactionClient, id: string): Promise<ReportedRow[]> =>
  transaction.$queryRawUnsafe<ReportedRow[]>(sqlReportDisabled, id)
