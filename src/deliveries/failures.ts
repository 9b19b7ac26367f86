/**
 * Which failures there are: the distinct pairs of `lastError` and `lastStatusCode`. They are few, however many
 * deliveries failed, since errors are sentences of a catalogue. So a search by text looks at these, and then each pair
 * is asked for its own page by an index. The index skips from one pair to the next, and reads no row twice.
 */
import { badInput } from '../errors.js'
import { Prisma } from '../generated/prisma/client.js'
import { isPostgresText } from '../platform/postgres/postgres-text.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'

/** By the status of the last answer; NONE where there was none. */
export const statusClasses = ['HTTP_2XX', 'HTTP_3XX', 'HTTP_4XX', 'HTTP_5XX', 'NONE'] as const
export type StatusClass = (typeof statusClasses)[number]

export interface Failure {
  error: string
  code: number | null
}

export interface FailureConditions {
  /** Text in the error, in any case. */
  error?: string | null | undefined
  statusClass?: readonly StatusClass[] | null | undefined
}

/** With more, a search would cost too much. Errors are a few dozen in practice. */
const MAX_FAILURES = 1000

/** @throws ServiceError BAD_USER_INPUT */
export async function findFailures(
  { prisma, tenant }: VisibleDatabase,
  conditions: FailureConditions,
): Promise<Failure[]> {
  const { error = null, statusClass } = conditions
  if (error !== null && !isPostgresText(error)) return []
  const isVisible = tenant === null ? Prisma.sql`true` : Prisma.sql`d.tenant = ${tenant}`
  const found = await prisma.$queryRaw<Failure[]>`
    with recursive errors as (
      (select d."lastError" as error from deliveries d where ${isVisible} and d."lastError" is not null
       order by d."lastError" limit 1)
      union all
      select (select d."lastError" from deliveries d where ${isVisible} and d."lastError" > errors.error
              order by d."lastError" limit 1)
      from errors where errors.error is not null
    ), wanted as (
      select error from (select error from errors limit ${MAX_FAILURES + 1}) as e
      where error is not null and (${error}::text is null or position(lower(${error}::text) in lower(error)) > 0)
    )
    select wanted.error, codes.code from wanted cross join lateral (
      with recursive codes as (
        (select d."lastStatusCode" as code from deliveries d
         where ${isVisible} and d."lastError" = wanted.error and d."lastStatusCode" is not null order by d."lastStatusCode" limit 1)
        union all
        select (select d."lastStatusCode" from deliveries d
                where ${isVisible} and d."lastError" = wanted.error and d."lastStatusCode" > codes.code
                order by d."lastStatusCode" limit 1)
        from codes where codes.code is not null
      )
      select code from codes where code is not null
      union all
      select null where exists (
        select from deliveries d
        where ${isVisible} and d."lastError" = wanted.error and d."lastStatusCode" is null
      )
    ) as codes
    limit ${MAX_FAILURES + 1}`
  if (found.length > MAX_FAILURES)
    throw badInput([{ path: 'error', message: `finds more than ${MAX_FAILURES} different errors` }])
  return statusClass == null ? found : found.filter(({ code }) => statusClass.includes(classOf(code)))
}

const classOf = (code: number | null): StatusClass =>
  code === null ? 'NONE' : (`HTTP_${Math.floor(code / 100)}XX` as StatusClass)

/** SQL: the ids of each failure's own page. `pageOf` is the page of deliveries `d` that fulfil a condition. */
export function sqlPagesOfFailures(
  failures: readonly Failure[],
  statuses: readonly string[],
  pageOf: (more: Prisma.Sql[]) => Prisma.Sql,
): Prisma.Sql {
  const answered = failures.filter(({ code }) => code !== null)
  const unanswered = failures.filter(({ code }) => code === null)
  const texts = (of: readonly Failure[]) => of.map(({ error }) => error)
  const same = [Prisma.sql`d."lastError" = failure.error`, Prisma.sql`d.status = wanted.status`]
  const wanted = Prisma.sql`unnest(${statuses}::"DeliveryStatus"[]) as wanted (status)`
  return Prisma.sql`
    select one.id from unnest(${texts(answered)}::text[], ${answered.map(({ code }) => code)}::int[]) as failure (error, code)
    cross join ${wanted}
    cross join lateral (${pageOf([...same, Prisma.sql`d."lastStatusCode" = failure.code`])}) as one
    union all
    select one.id from unnest(${texts(unanswered)}::text[]) as failure (error)
    cross join ${wanted}
    cross join lateral (${pageOf([...same, Prisma.sql`d."lastStatusCode" is null`])}) as one`
}

/** SQL: whether the delivery `d` failed in one of these ways. @param orSent or is SENT */
export function sqlIsAmong(failures: readonly Failure[], orSent: boolean): Prisma.Sql {
  const errors = failures.map(({ error }) => error)
  const codes = failures.map(({ code }) => code)
  return Prisma.sql`((d.status = 'SENT' and ${orSent}) or exists (
    select from unnest(${errors}::text[], ${codes}::int[]) as failure (error, code)
    where failure.error = d."lastError" and failure.code is not distinct from d."lastStatusCode"
  ))`
}

/** SQL: the order that the index of failures has, so that a page is read from it without sorting. */
export const sqlFailureOrder = (direction: Prisma.Sql): Prisma.Sql =>
  Prisma.sql`d."lastError" ${direction}, d."lastStatusCode" ${direction}, d.status ${direction}, d.id ${direction}`
