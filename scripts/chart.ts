/** Bars in plain SVG, readable on light and on dark pages: each panel has a scale of its own, from zero. */
import { median } from '../bench/figures.js'

export interface Bar {
  label: string
  /** One value for each round. */
  values: number[]
  /** True for this project, false for a reference. */
  isOwn: boolean
}

export interface Panel {
  title: string
  bars: Bar[]
  /** The number of digits after the decimal point. */
  digits: number
}

const WIDTH = 760
const LABEL_WIDTH = 250
const VALUE_WIDTH = 170
const ROW_HEIGHT = 26
const TITLE_HEIGHT = 34
const PADDING = 12
const CAPTION_HEIGHT = 16
const BAR_WIDTH = WIDTH - LABEL_WIDTH - VALUE_WIDTH - 2 * PADDING

const style = `
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 }
  .small { font-size: 11px }
  .bar { fill: #8c959f }
  .own { fill: #0969da }
  .range { stroke: #24292f; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .bar { fill: #6e7681 }
    .own { fill: #4493f8 }
    .range { stroke: #e6edf3 }
  }`

export function drawPanels(title: string, caption: string[], panels: Panel[]): string {
  let y = PADDING
  const drawn = panels.map((panel) => {
    const at = y
    y += TITLE_HEIGHT + panel.bars.length * ROW_HEIGHT
    return drawPanel(panel, at)
  })
  const height = y + PADDING + caption.length * CAPTION_HEIGHT + PADDING
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>${escapeXml(title)}</title>
<style>${style}
</style>
${drawn.join('\n')}
${caption.map((line, index) => drawCaption(line, y + PADDING + (index + 1) * CAPTION_HEIGHT)).join('\n')}
</svg>
`
}

const drawCaption = (line: string, y: number): string =>
  `<text class="small" x="${PADDING}" y="${y}">${escapeXml(line)}</text>`

function drawPanel({ title, bars, digits }: Panel, y: number): string {
  const most = Math.max(...bars.flatMap(({ values }) => values))
  const rows = bars.map((bar, index) => drawBar(bar, digits, most, y + TITLE_HEIGHT + index * ROW_HEIGHT))
  return `<text class="title" x="${PADDING}" y="${y + 20}">${escapeXml(title)}</text>\n${rows.join('\n')}`
}

function drawBar({ label, values, isOwn }: Bar, digits: number, most: number, y: number): string {
  const sorted = values.toSorted((a, b) => a - b)
  const [least = 0] = sorted
  const greatest = sorted.at(-1) ?? 0
  const middle = median(sorted)
  const x = (value: number) => (LABEL_WIDTH + (value / most) * BAR_WIDTH).toFixed(1)
  const width = ((middle / most) * BAR_WIDTH).toFixed(1)
  const [shown, from, to] = [middle, least, greatest].map((value) => format(value, digits))
  const line = y + ROW_HEIGHT / 2
  return [
    `<text x="${LABEL_WIDTH - PADDING}" y="${line + 4}" text-anchor="end">${escapeXml(label)}</text>`,
    `<rect class="bar${isOwn ? ' own' : ''}" x="${LABEL_WIDTH}" y="${y + 4}" width="${width}" height="${ROW_HEIGHT - 8}"/>`,
    `<line class="range" x1="${x(least)}" x2="${x(greatest)}" y1="${line}" y2="${line}"/>`,
    `<text x="${LABEL_WIDTH + BAR_WIDTH + PADDING}" y="${line + 4}">${shown} <tspan class="small">(${from} to ${to})</tspan></text>`,
  ].join('\n')
}

const format = (value: number, digits: number): string =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })

const escapeXml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
