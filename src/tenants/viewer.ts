/** Who asks. What they may see and make is decided here and in `visible-database.ts`, and nowhere else. */
import { ServiceError } from '../errors.js'

/** An API key is one. */
export interface Viewer {
  /** Sees and changes only what is of this tenant; null: everything. */
  readonly tenant: string | null
}

/**
 * The tenant of what a viewer makes.
 *
 * @param given in the input
 * @throws ServiceError FORBIDDEN when it is another one than the viewer's
 */
export function tenantFor(viewer: Viewer, given: string | null | undefined): string | null {
  if (viewer.tenant === null) return given ?? null
  if (given == null || given === viewer.tenant) return viewer.tenant
  throw new ServiceError(
    'FORBIDDEN',
    `This API key is bound to the tenant ${viewer.tenant}, and can't write for another one. Leave \`tenant\` out.`,
  )
}

/** For what belongs to the service as a whole. @throws ServiceError FORBIDDEN for a viewer of one tenant */
export function requireOperator(viewer: Viewer): void {
  if (viewer.tenant === null) return
  throw new ServiceError(
    'FORBIDDEN',
    `This API key is bound to the tenant ${viewer.tenant}. It takes one without a tenant, because all tenants share what this changes.`,
  )
}

/** A filter that finds nothing but what the viewer sees; undefined where that is nothing. */
export function visibleFilter<Filter extends { tenant?: string | null | undefined }>(
  viewer: Viewer,
  filter: Filter | null | undefined,
): (Filter | { tenant?: string }) | undefined {
  if (viewer.tenant === null) return filter ?? {}
  if (filter?.tenant != null && filter.tenant !== viewer.tenant) return undefined
  return { ...filter, tenant: viewer.tenant }
}
