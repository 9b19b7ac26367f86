/** Reads of PostgreSQL's plans: which rows of which tables were read, and by which way. */

/** A step of a plan as `explain (analyze, buffers, format json)` shows it. Rows are those of one loop. */
export interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Index Cond'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  'Rows Removed by Index Recheck'?: number
  'Shared Hit Blocks': number
  'Shared Read Blocks': number
  Plans?: PlanNode[]
}

/** A step that reads a table or an index. */
export interface Read {
  table: string
  /** `Seq Scan`, `Index Scan using deliveries_pkey`, … */
  way: string
  condition: string | undefined
  /** Rows that were looked at, whether they were wanted or not: over all loops, and in each. */
  rows: number
  rowsInALoop: number
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)]

const lookedAtInALoop = (node: PlanNode): number =>
  node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)

/** What a plan has read of these tables. What it writes is not among it. */
export function readsOf(plan: PlanNode, tables: readonly string[]): Read[] {
  return nodesOf(plan).flatMap((node) => {
    const table = node['Relation Name'] ?? ''
    if (!tables.includes(table) || node['Node Type'] === 'ModifyTable') return []
    const way = node['Node Type'] + (node['Index Name'] ? ` using ${node['Index Name']}` : '')
    const inALoop = lookedAtInALoop(node)
    return [
      {
        table,
        way,
        condition: node['Index Cond'],
        rows: Math.round(inALoop * node['Actual Loops']),
        rowsInALoop: Math.round(inALoop),
      },
    ]
  })
}

/** Pages of 8 kB that were touched, in all steps. */
export const pagesOf = (plan: PlanNode): number => plan['Shared Hit Blocks'] + plan['Shared Read Blocks']

/** The most rows that any of its steps has passed on. */
export const handledBy = (plan: PlanNode): number =>
  Math.max(...nodesOf(plan).map((node) => node['Actual Rows'] * node['Actual Loops']))
