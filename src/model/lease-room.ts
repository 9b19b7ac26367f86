/**
 * SQL: how many more deliveries of a subscription may be leased, over all processes. The others wait in the table,
 * so an endpoint that hangs can't fill the queue. Counts up to the quota only. The arguments are SQL expressions.
 */
export const sqlRoom = (subscriptionId: string, quota: string) => `
  greatest(0, ${quota} - (
    select count(*) from (
      select from deliveries q
      where q."subscriptionId" = ${subscriptionId} and q."queuedUntil" is not null
      limit ${quota}
    ) as queued
  ))`
