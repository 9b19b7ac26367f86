/** For a terminal: deliveries by endpoint and status, drawn in place on the screen that programs use. */
import type { WriteStream } from 'node:tty'
import { cut } from './cut.js'
import { drawTable, shortRate } from './draw-table.js'
import { followEndpoints } from './endpoint-activity.js'
import { targetOf } from './target.js'
import { plain, type View } from './view.js'

/** Drawn at most this often: more is not seen, and a busy service would keep the terminal busy. */
const FRAME_MS = 100
/** Drawn at least this often, because rates fall while nothing happens. */
const STILL_FRAME_MS = 1000

// ECMA-48 and xterm: a screen of its own, so that what was there before comes back at the end.
const OPEN_SCREEN = '\x1b[?1049h\x1b[?25l'
const CLOSE_SCREEN = '\x1b[?25h\x1b[?1049l'
const HOME = '\x1b[H'
const CLEAR_LINE = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'

/** Above and below the table: the connection, an empty line; an empty line, the newest error, the cursor's. */
const OTHER_LINES = 5

export function createTable(terminal: WriteStream, url: string): View {
  const activity = followEndpoints(() => performance.now())
  let message = `Connecting to ${url} …`
  let newestError = ''
  let frame: NodeJS.Timeout | undefined

  function draw(): void {
    clearTimeout(frame)
    frame = undefined
    const { columns, rows } = terminal
    const endpoints = activity.endpoints()
    const totals = `${endpoints.length} endpoints, ${shortRate(activity.attempts.perSecond())}`
    const table = drawTable(endpoints, columns, rows - OTHER_LINES)
    const lines = [`${message}  ${totals}`, '', ...table, '', newestError].slice(0, rows - 1)
    const text = lines.map((line) => `${cut(plain(line), columns)}${CLEAR_LINE}\n`).join('')
    terminal.write(HOME + text + CLEAR_BELOW)
  }
  const drawSoon = () => {
    frame ??= setTimeout(draw, FRAME_MS)
  }

  terminal.write(OPEN_SCREEN)
  terminal.on('resize', drawSoon)
  const stillFrames = setInterval(drawSoon, STILL_FRAME_MS)
  draw()
  return {
    show(delivery) {
      activity.add(delivery)
      const { status, lastError, updatedAt } = delivery
      if (lastError !== null && status !== 'SENT')
        newestError = `Newest error, ${updatedAt}: ${targetOf(delivery)} ${lastError}`
      drawSoon()
    },
    showStatus(text) {
      message = text
      drawSoon()
    },
    close() {
      clearTimeout(frame)
      clearInterval(stillFrames)
      terminal.off('resize', drawSoon)
      terminal.write(CLOSE_SCREEN)
    },
  }
}
