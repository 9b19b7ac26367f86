/** For a terminal: deliveries per status and endpoint, drawn in place on the screen that programs use. */
import type { WriteStream } from 'node:tty'
import { countByEndpoint, type EndpointCounts } from './endpoint-counts.js'
import { plain, type View } from './view.js'

/** Drawn at most this often: more is not seen, and a busy service would keep the terminal busy. */
const FRAME_MS = 100

// ECMA-48 and xterm: a screen of its own, so that what was there before comes back at the end.
const OPEN_SCREEN = '\x1b[?1049h\x1b[?25l'
const CLOSE_SCREEN = '\x1b[?25h\x1b[?1049l'
const HOME = '\x1b[H'
const CLEAR_LINE = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'

export function createTable(terminal: WriteStream, url: string): View {
  const counts = countByEndpoint()
  let message = `Connecting to ${url} …`
  let frame: NodeJS.Timeout | undefined

  function draw(): void {
    frame = undefined
    const { columns, rows } = terminal
    const lines = [message, '', ...drawTable(counts.endpoints(), columns)].slice(0, rows - 1)
    const text = lines.map((line) => `${plain(line).slice(0, columns)}${CLEAR_LINE}\n`).join('')
    terminal.write(HOME + text + CLEAR_BELOW)
  }
  const drawSoon = () => {
    frame ??= setTimeout(draw, FRAME_MS)
  }

  terminal.write(OPEN_SCREEN)
  terminal.on('resize', drawSoon)
  draw()
  return {
    show(delivery) {
      counts.add(delivery)
      drawSoon()
    },
    showStatus(text) {
      message = text
      drawSoon()
    },
    close() {
      clearTimeout(frame)
      terminal.off('resize', drawSoon)
      terminal.write(CLOSE_SCREEN)
    },
  }
}

const statuses = ['PENDING', 'SENT', 'FAILED', 'DEAD'] as const
const COUNT_WIDTH = 9
const TIME_WIDTH = 10

/** Lines that fit: an endpoint and its last error share what the numbers leave. */
function drawTable(endpoints: EndpointCounts[], columns: number): string[] {
  const free = Math.max(columns - statuses.length * COUNT_WIDTH - TIME_WIDTH - 2, 20)
  const urlWidth = Math.ceil(free / 2)
  const row = (url: string, counts: (string | number)[], time: string, error: string) =>
    [
      cell(url, urlWidth),
      ...counts.map((count) => String(count).padStart(COUNT_WIDTH)),
      time.padStart(TIME_WIDTH),
      `  ${cell(error, free - urlWidth)}`,
    ].join('')
  return [
    row('ENDPOINT', [...statuses], 'CHANGED', 'LAST ERROR').trimEnd(),
    ...endpoints.map(({ endpointUrl, counts, lastChange, lastError }) =>
      row(
        endpointUrl,
        statuses.map((status) => counts[status]),
        lastChange.slice('2026-01-31T'.length, '2026-01-31T18:20:43'.length),
        lastError ?? '',
      ).trimEnd(),
    ),
  ]
}

const cell = (text: string, width: number): string =>
  (text.length > width ? `${text.slice(0, width - 1)}…` : text).padEnd(width)
