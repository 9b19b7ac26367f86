/** Why and since when a subscription is disabled. */
import type { DisabledReason } from '../generated/prisma/enums.js'

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
