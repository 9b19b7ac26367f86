/** What a new migration may do to tables that may be large: nothing that holds up who reads and writes them. */
import { isConcurrent, parseIndexStatements } from '../src/platform/migrations/concurrently.js'
import { splitStatements } from '../src/platform/migrations/statements.js'

/** Migrations up to this one are older than the rules, and are not checked. */
const LAST_WITHOUT_RULES = '20261123210302_events_of_a_subscription'

const large = '"(?:events|deliveries|deliveryLogs|outbox)"'
const alterLarge = `^alter table (?:only )?${large}.*`

/** What reads or writes the whole table while it is locked, and what to do instead. */
const rules: [RegExp, string][] = [
  [
    new RegExp(`^create (?:unique )?index (?!concurrently).*on ${large}`, 'is'),
    'make it concurrently, in a migration of its own',
  ],
  [
    new RegExp(`${alterLarge}add (?:constraint "\\w+" )?(?:unique|primary key) *\\(`, 'is'),
    'make a unique index concurrently, and the constraint with "using index"',
  ],
  [
    new RegExp(`${alterLarge}add constraint.*(?:foreign key|check)(?!.*not valid)`, 'is'),
    'add it as "not valid", and validate it in the next migration',
  ],
  [
    new RegExp(`${alterLarge}alter column "\\w+" (?:set data )?type`, 'is'),
    'add another column, fill it, and use it',
  ],
  [
    new RegExp(`${alterLarge}alter column "\\w+" set not null`, 'is'),
    'check it by a constraint that is "not valid" at first',
  ],
]

/** The sentences that say what is wrong with a migration; none if nothing is. */
export function findBlocking({ name, sql }: { name: string; sql: string }): string[] {
  if (name <= LAST_WITHOUT_RULES) return []
  if (isConcurrent({ sql })) return findForeign(name, sql)
  return splitStatements(sql).flatMap((statement) =>
    rules
      .filter(([pattern]) => pattern.test(statement))
      .map(
        ([, advice]) => `${name} locks a table that may be large: ${statement.slice(0, 80)} … (${advice})`,
      ),
  )
}

function findForeign(name: string, sql: string): string[] {
  try {
    parseIndexStatements(sql)
    return []
  } catch (error) {
    return [`${name}: ${(error as Error).message}`]
  }
}

export interface SplitMigration {
  /** The statements that may run in a transaction. */
  transactional: string
  /** The statements for a second migration, which runs without a transaction. */
  concurrent: string
}

/** Takes the indexes of large tables out of what Prisma has written, and has them made concurrently. */
export function splitLargeIndexes(sql: string): SplitMigration {
  const [[indexRule]] = rules as [[RegExp, string]]
  const blocks = sql.trim().split(/\n\n+(?=-- )/)
  const isLargeIndex = (block: string) =>
    splitStatements(block).some((statement) => indexRule.test(statement))
  const indexes = blocks.filter(isLargeIndex)
  return {
    transactional: blocks.filter((block) => !isLargeIndex(block)).join('\n\n'),
    concurrent: indexes.map((block) => block.replace(/\bINDEX\b/, 'INDEX CONCURRENTLY')).join('\n\n'),
  }
}
