/**
 * A view says which changes of subscriptions an index contains: those that a snapshot of PostgreSQL could see. Each row
 * of `subscriptions` names the transaction that changed it last, so a statement finds out by two look-ups in an index
 * whether the snapshot that it runs in sees any other change. Nobody waits for anybody.
 *
 * The number of a transaction means something on one server only. After a failover the promoted server may use numbers
 * again that the lost one had used, so a view also names the start of its server.
 */

/** As text, because the numbers have 64 bits. */
export interface View {
  serverStart: string
  /** The first transaction that the snapshot doesn't see because it had not begun. */
  nextTransaction: string
  /** The earlier ones that it doesn't see, because they had not ended. */
  openTransactions: string[]
}

/** Three parameters of a statement. */
export type ViewParameters = [serverStart: string, nextTransaction: string, openTransactions: string[]]

export const viewParameters = (view: View): ViewParameters => [
  view.serverStart,
  view.nextTransaction,
  view.openTransactions,
]

const sqlServerStart = `extract(epoch from pg_postmaster_start_time())::text`

/** SQL: the columns of the view of the statement's own snapshot, with their types. */
export const viewColumns = {
  serverStart: 'text',
  nextTransaction: 'text',
  openTransactions: 'text[]',
} as const

/** SQL: one row with `viewColumns`. */
export const sqlOwnView = `
  select ${sqlServerStart} as "serverStart", pg_snapshot_xmax(pg_current_snapshot())::text as "nextTransaction",
         array(select pg_snapshot_xip(pg_current_snapshot())::text) as "openTransactions"`

/** SQL: whether the view of these three parameters is of this server. */
export const sqlIsOfThisServer = (serverStart: string): string => `${serverStart}::text = ${sqlServerStart}`

/**
 * SQL: whether a view contains every change of a subscription that is committed now. `max`, because PostgreSQL then
 * reads the end of the index, whatever it thinks of the table.
 *
 * @param serverStart, nextTransaction, openTransactions the names of the three parameters
 */
export const sqlIsCurrent = (
  serverStart: string,
  nextTransaction: string,
  openTransactions: string,
): string => `(
  ${sqlIsOfThisServer(serverStart)}
  and coalesce((select max("changedIn") from subscriptions), 0) < ${nextTransaction}::bigint
  and not exists (
    select from unnest(${openTransactions}::bigint[]) as open (id)
    cross join lateral (select from subscriptions where "changedIn" = open.id limit 1) as changed
  )
)`
