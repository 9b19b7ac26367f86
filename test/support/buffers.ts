/** How PostgreSQL goes about a statement as Prisma has sent it, on the tables as they are. */
import type { TestDatabase } from './database.js'

/** As `onQuery` of a database gives it. */
export interface SentStatement {
  sql: string
  /** A JSON array. */
  parameters: string
}

export interface Plan {
  text: string
  /** Pages of memory that were touched. */
  buffers: number
}

export async function explainBuffers(
  tables: TestDatabase,
  { sql, parameters }: SentStatement,
): Promise<Plan> {
  const rows = await tables.query<{ 'QUERY PLAN': string }>(
    `explain (analyze, buffers) ${sql}`,
    JSON.parse(parameters),
  )
  const text = rows.map((row) => row['QUERY PLAN']).join('\n')
  const [, hit = '0', read = '0'] = /Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?/.exec(text) ?? []
  return { text, buffers: Number(hit) + Number(read) }
}
