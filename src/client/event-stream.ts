/**
 * Results as they come over Server-Sent Events: GraphQL over SSE, "distinct connections mode".
 *
 * Read on demand, so that a consumer that is slow slows the service down rather than filling this process:
 * the service then ends the stream with an error that says how to catch up.
 */
import type { Result } from './transport.js'

/** The service sends a comment every 12 s: a stream that is silent for longer than this is dead. */
const SILENCE_MS = 30_000

/** Ends when the service says that there is no more. @throws when the connection is lost before that */
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
    // Whoever leaves has no use for the rest, and the service learns that nobody listens.
    reader.cancel().catch(() => {})
  }
}

/** HTML Standard, "Interpreting an event stream": `field: value` lines; a line that begins with `:` is none. */
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
