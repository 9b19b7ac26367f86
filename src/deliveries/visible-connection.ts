import type { Viewer } from '../tenants/viewer.js'

/** Which process made an attempt is the operator's affair. */
export const visibleConnection = <Connection extends { worker: string | null }>(
  { tenant }: Viewer,
  connection: Connection,
): Connection => (tenant === null ? connection : { ...connection, worker: null })
