/** Pause, resume and cancel. A step that is being made at that moment is made to its end. */
import { notFound, ServiceError } from '../errors.js'
import { type ReplayMove, type ReplaySnapshot, replayMoves, sqlReplaySnapshot } from '../model/replay.js'
import { sqlNow } from '../platform/postgres/sql-now.js'
import { isUuid } from '../platform/uuid.js'
import { forViewer } from '../tenants/visible-statement.js'
import { announceReplay } from './announce.js'
import type { ReplayContext } from './create.js'
import { findReplay } from './find.js'

/** `$1` the id, `$2` the states to move it from, `$3` the state to move it to. */
const moveStatement = forViewer(
  { name: 'move-replay', parameters: 3 },
  ({ isVisible }) => `
    update replays r
    set state = $3::"ReplayState", "nextStepAt" = ${sqlNow}, "updatedAt" = ${sqlNow},
        "finishedAt" = case when $3::"ReplayState" = 'CANCELLED' then ${sqlNow} end
    where r.id = $1 and r.state = any ($2::"ReplayState"[]) and ${isVisible('r')}
    returning ${sqlReplaySnapshot('r')}`,
)

/**
 * Moves it to another state; the same again changes nothing.
 *
 * @throws ServiceError NOT_FOUND, or CONFLICT when it is finished or cancelled
 */
export async function moveReplay(
  { database, serviceEvents, onReplay }: ReplayContext,
  id: string,
  move: ReplayMove,
): Promise<ReplaySnapshot> {
  if (!isUuid(id)) throw notFound('replay', id)
  const { from, to } = replayMoves[move]
  const [moved] = await database.query<ReplaySnapshot>(moveStatement, [id, from, to])
  if (moved !== undefined) {
    announceReplay(serviceEvents, moved)
    if (to === 'RUNNING') onReplay()
    return moved
  }
  const replay = await findReplay(database, id)
  if (replay.state === to) return replay
  throw new ServiceError(
    'CONFLICT',
    `The replay is ${replay.state}. Only one that is ${from.join(' or ')} can become ${to}.`,
  )
}
