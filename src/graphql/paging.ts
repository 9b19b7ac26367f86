/** How long pages are, in every connection alike. Who asks for more than a page may hold gets a full one. */
import { DEFAULT_LIMIT, MAX_LIMIT } from '../platform/paging.js'

export { DEFAULT_LIMIT as DEFAULT_LIST_SIZE, MAX_LIMIT as MAX_LIST_SIZE }

interface PageArguments {
  first?: number | null | undefined
  last?: number | null | undefined
}

/** What a page costs: its own field, and what is asked of each of its edges as often as it may have them. */
export const connectionComplexity = ({ first, last }: PageArguments) => ({
  field: 1,
  multiplier: Math.max(1, Math.min(first ?? last ?? DEFAULT_LIMIT, MAX_LIMIT)),
})
