import { notFound } from '../errors.js'
import { type ErasureSnapshot, erasureSelect } from '../model/erasure.js'
import { type PageRequest, pageArguments, toPage } from '../platform/paging.js'
import { isUuid } from '../platform/uuid.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'

/** @throws ServiceError NOT_FOUND */
export async function findErasure({ prisma }: VisibleDatabase, id: string): Promise<ErasureSnapshot> {
  const erasure = isUuid(id)
    ? await prisma.erasure.findUnique({ where: { id }, select: erasureSelect })
    : null
  if (erasure === null) throw notFound('erasure', id)
  return erasure
}

/** Erasures, newest first. */
export async function listErasures({ prisma }: VisibleDatabase, page: PageRequest) {
  const rows = await prisma.erasure.findMany({ ...pageArguments(page), select: erasureSelect })
  return toPage(rows, page.limit)
}
