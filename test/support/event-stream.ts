/** A client of server-sent events that reads like a browser's: it keeps the id, and can send it back. */
import { TEST_KEY } from './client.js'
import type { Result } from './graphql.js'

export interface EventStream extends AsyncDisposable {
  results: Result[]
  /** As a browser keeps it: of a block without data too. */
  lastEventId: string
  isComplete: boolean
}

export async function openEventStream(
  { url }: { url: string },
  operation: object,
  lastEventId = '',
  apiKey = TEST_KEY,
): Promise<EventStream> {
  const abort = new AbortController()
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      ...{ 'x-api-key': apiKey, 'content-type': 'application/json', accept: 'text/event-stream' },
      ...(lastEventId !== '' && { 'last-event-id': lastEventId }),
    },
    body: JSON.stringify(operation),
    signal: abort.signal,
  })
  const stream: EventStream = {
    results: [],
    lastEventId,
    isComplete: false,
    async [Symbol.asyncDispose]() {
      abort.abort()
      await reading
    },
  }

  function take(block: string): void {
    const fields = block.split('\n').map((line) => /^(\w*): ?(.*)$/.exec(line)?.slice(1) ?? [])
    const fieldOf = (name: string) => fields.find(([field]) => field === name)?.[1]
    stream.lastEventId = fieldOf('id') ?? stream.lastEventId
    if (fieldOf('event') === 'complete') stream.isComplete = true
    else if (fieldOf('data') !== undefined) stream.results.push(JSON.parse(fieldOf('data') as string))
  }

  async function read(): Promise<void> {
    let text = ''
    for await (const chunk of (response.body as ReadableStream).pipeThrough(new TextDecoderStream())) {
      const blocks = (text + chunk).split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) take(block)
    }
  }
  const reading = read().catch(() => {})
  return stream
}
