/** The lines of the table: a row for each endpoint, in a width that may be 80 columns. */
import stringWidth from 'string-width'
import { cut } from './cut.js'
import type { EndpointActivity } from './endpoint-activity.js'
import { labelEndpoints } from './endpoint-labels.js'
import { plain } from './view.js'

const statuses = ['PENDING', 'SENT', 'FAILED', 'DEAD'] as const
const COUNT_WIDTH = 8
const RATE_WIDTH = 8
const BAR_WIDTH = 6
const TIME_WIDTH = 11
const GAP = '  '
const NUMBERS_WIDTH = statuses.length * COUNT_WIDTH + RATE_WIDTH + GAP.length + BAR_WIDTH + TIME_WIDTH
/** The last error has a column where the terminal is wide, and the line below the table anyway. */
const WIDE_COLUMNS = 120
const MIN_LABEL_WIDTH = 12
const MAX_LABEL_WIDTH = 60

/** @param rows of the terminal that are free; endpoints beyond them are counted in one line */
export function drawTable(endpoints: EndpointActivity[], columns: number, rows: number): string[] {
  const free = columns - NUMBERS_WIDTH
  const isWide = columns >= WIDE_COLUMNS
  const labelWidth = Math.min(Math.max(isWide ? free / 2 : free, MIN_LABEL_WIDTH), MAX_LABEL_WIDTH) | 0
  const errorWidth = isWide ? free - labelWidth - GAP.length : 0
  const shown = endpoints.slice(0, endpoints.length > rows - 1 ? rows - 2 : endpoints.length)
  const labels = labelEndpoints(
    shown.map(({ endpointUrl }) => plain(endpointUrl)),
    labelWidth,
  )
  const row = (label: string, counts: string[], rate: string, bar: string, time: string, error: string) =>
    [
      padEnd(label, labelWidth),
      ...counts.map((count) => count.padStart(COUNT_WIDTH)),
      rate.padStart(RATE_WIDTH),
      GAP + padEnd(bar, BAR_WIDTH),
      time.padStart(TIME_WIDTH),
      ...(isWide ? [GAP + cut(error, errorWidth)] : []),
    ]
      .join('')
      .trimEnd()
  return [
    row('ENDPOINT', [...statuses], 'RATE', 'FAILS', 'CHANGED', 'LAST ERROR'),
    ...shown.map(({ endpointUrl, counts, attempts, failureShare, lastChange, lastError }) =>
      row(
        labels.get(plain(endpointUrl)) ?? '',
        statuses.map((status) => shortCount(counts[status])),
        shortRate(attempts.perSecond()),
        drawBar(failureShare, BAR_WIDTH),
        timeOf(lastChange),
        plain(lastError ?? ''),
      ),
    ),
    ...summarizeHidden(endpoints.slice(shown.length)),
  ]
}

function summarizeHidden(hidden: EndpointActivity[]): string[] {
  if (hidden.length === 0) return []
  const failing = hidden.filter(({ failureShare }) => failureShare >= 0.5).length
  return [`… and ${hidden.length} more, ${failing} of them mostly failing`]
}

/** As `12/s`, with a digit after the point below 10. */
export const shortRate = (perSecond: number): string =>
  `${perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond)}/s`

/** Six digits at most: `999999`, then `1000k`. */
const shortCount = (count: number): string =>
  count < 1_000_000 ? String(count) : `${Math.floor(count / 1000)}k`

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** A bar that is full at 1. The slightest share shows. */
function drawBar(share: number, width: number): string {
  const eighths = share < 0.005 ? 0 : Math.max(1, Math.round(share * width * 8))
  return '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]
}

/** The time of day of an ISO 8601 time in UTC, with its zone: `18:20:43Z`. */
const timeOf = (iso: string): string => (iso === '' ? '' : `${iso.slice(11, 19)}Z`)

const padEnd = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - stringWidth(text)))
