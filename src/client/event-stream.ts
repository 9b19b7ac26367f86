/**
 * Reads results from Server-Sent Events: GraphQL over SSE, "distinct connections mode".
 *
 * It reads on demand. A slow consumer slows the service down and does not fill this process's memory: the service then
 * ends the stream with an error, and its message says how to catch up.
 */
import type { Result } from './transport.js'

/** The service sends a comment every 12 s, so a longer silence than this means a dead stream. */
const SILENCE_MS = 30_000

/** Ends with the service's `complete` event. @throws Error when the connection is lost before it */
export async function* readResults<Data>(body: ReadableStream<Uint8Array>): AsyncGenerator<Result<Data>> {
  const decoder = new TextDecoder()
  const reader = body.getReader()
  let text = ''
  try {
    while (true) {
      const { value, done } = await withinSilence(reader.read())
      if (done) throw new Error('The connection was closed.')
      text += decoder.decode(value, { stream: true })
      const messages = text.split(/\r?\n\r?\n/)
      text = messages.pop() ?? ''
      for (const message of messages) {
        const { event, data } = parseMessage(message)
        if (event === 'complete') return
        if (event === 'next') yield JSON.parse(data) as Result<Data>
      }
    }
  } finally {
    // The caller needs no more results. The cancelled request tells the service to stop.
    reader.cancel().catch(() => {})
  }
}

/** HTML Standard, "Interpreting an event stream": `field: value` lines; a line with `:` at its start is a comment. */
function parseMessage(message: string): { event: string; data: string } {
  const fields = { event: '', data: [] as string[] }
  for (const line of message.split(/\r?\n/)) {
    const [, name, value = ''] = /^(event|data)(?:: ?(.*))?$/.exec(line) ?? []
    if (name === 'event') fields.event = value
    if (name === 'data') fields.data.push(value)
  }
  return { event: fields.event, data: fields.data.join('\n') }
}

async function withinSilence<Value>(read: Promise<Value>): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('The connection went silent.')), SILENCE_MS)
  })
  return Promise.race([read, silence]).finally(() => clearTimeout(timer))
}
