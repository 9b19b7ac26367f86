/**
 * SQL: how many more deliveries of a subscription may be leased, over all processes. The others wait in the table,
 * so an endpoint that hangs can't fill the queue. Counts up to the quota only. The arguments are SQL expressions.
 *
 * The comparison makes `deliveries_queued_idx` the cheapest index by the planner's rules alone. By `is not null`, a
 * plan that is made while the table is empty may take any index of the subscription, and read all its deliveries later.
 */
export const sqlRoom = (subscriptionId: string, quota: string) => `
  greatest(0, ${quota} - (
    select count(*) from (
      select from deliveries q
      where q."subscriptionId" = ${subscriptionId} and q."queuedUntil" > '-infinity'
      limit ${quota}
    ) as queued
  ))`
