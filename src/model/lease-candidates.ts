/**
 * SQL: which deliveries of a subscription can be leased now, as queries that lock what they find. They are parts of a
 * statement with a row `r` for each subscription, of which they read "subscriptionId" and "isOrdered", and with the
 * part "startOfLines".
 */
import { sqlHasPredecessor, sqlIsInLine } from './ordering.js'

/** SQL: the query of the part "startOfLines", which must be materialized: at which line to begin. */
export const sqlStartOfLines = 'select ((random() - 0.5) * 1.8e19)::bigint as hash'

/** SQL: a condition on `d`: it waits in the table with this status. */
export const sqlWaitingAs = (status: 'PENDING' | 'FAILED', subscriptionId: string) =>
  `d."subscriptionId" = ${subscriptionId} and d."queuedUntil" is null and d.status = '${status}'`

/** SQL: the deliveries of the subscription `r` with this status whose time has come. */
export const sqlDue = (status: 'PENDING' | 'FAILED', limit: string) => `
  (select d.id from deliveries d
   where ${sqlWaitingAs(status, 'r."subscriptionId"')} and d."nextRunAt" <= now()
   order by d."nextRunAt" limit ${limit} for update skip locked)`

/** SQL: of each line of the subscription `r` with a hash that meets `bounds`, the first delivery that waits. */
const sqlFirstInLines = (bounds: string) => {
  const first = (after: string) => `
    select i.id, i."orderingHash" as hash, i."orderingSequence" as place from deliveries i
    where r."isOrdered" and i."subscriptionId" = r."subscriptionId" and ${sqlIsInLine('i')} and i."orderingHash" ${bounds} ${after}
    order by i."orderingHash", i."orderingSequence" limit 1`
  return `
    select * from (
      with recursive line as (
        (${first('')})
        union all
        select next.* from line cross join lateral (${first('and i."orderingHash" > line.hash')}) as next
      )
      select * from line
    ) as lines`
}

/**
 * SQL: those at the head of a line of the subscription `r`. The lines take turns: it begins at one of them by chance. A
 * delivery that has moved in its line since this statement began is left.
 */
export const sqlHeads = (limit: string) => `
  (select head.id
   from (${sqlFirstInLines('>= (select hash from "startOfLines")')}
         union all
         ${sqlFirstInLines('< (select hash from "startOfLines")')}) as first
   cross join lateral (
     select d.id from deliveries d
     where d.id = first.id and d."orderingSequence" = first.place and d."queuedUntil" is null and ${sqlIsInLine('d')}
       and not ${sqlHasPredecessor('d')}
     limit 1 for update skip locked
   ) as head
   limit ${limit})`

/** SQL: what is left in the lines of a subscription that is not ordered any more: nothing holds it up. */
export const sqlReleased = (limit: string) => `
  (select d.id from deliveries d
   where not r."isOrdered" and d."subscriptionId" = r."subscriptionId" and d."queuedUntil" is null
     and ${sqlIsInLine('d')}
   order by d."orderingHash", d."orderingSequence" limit ${limit} for update skip locked)`
