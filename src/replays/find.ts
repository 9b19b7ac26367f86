import { notFound } from '../errors.js'
import { type ReplaySnapshot, replaySelect } from '../model/replay.js'
import { type PageRequest, pageArguments, toPage } from '../platform/paging.js'
import { isUuid } from '../platform/uuid.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'

/** @throws ServiceError NOT_FOUND */
export async function findReplay({ prisma }: VisibleDatabase, id: string): Promise<ReplaySnapshot> {
  const replay = isUuid(id) ? await prisma.replay.findUnique({ where: { id }, select: replaySelect }) : null
  if (replay === null) throw notFound('replay', id)
  return replay
}

/** Replays, newest first. */
export async function listReplays({ prisma }: VisibleDatabase, page: PageRequest) {
  const rows = await prisma.replay.findMany({ ...pageArguments(page), select: replaySelect })
  return toPage(rows, page.limit)
}
