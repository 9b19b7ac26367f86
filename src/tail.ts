#!/usr/bin/env node
/** `npm run tail`: deliveries as they change, in the terminal; a table that moves, or lines for a program. */
import { type Client, ClientError, createClient } from './client/index.js'
import { createCrashLogger, describeCrash, watchForCrashes } from './platform/crashes.js'
import { createJsonLines } from './tail/json-lines.js'
import { createLines } from './tail/lines.js'
import { readOptions, type TailOptions, UnknownIdError, UsageError, usage } from './tail/options.js'
import { createTable } from './tail/table.js'
import type { View } from './tail/view.js'

const logger = createCrashLogger()

async function main(): Promise<void> {
  // biome-ignore lint/style/noProcessEnv: the console is a client, it has none of the service's settings
  const options = readOptions(process.argv.slice(2), process.env)
  if (options.help) return void process.stdout.write(usage)

  const stop = new AbortController()
  const end = () => stop.abort()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end)
  // The reader of the pipe has ended: `npm run tail | head`.
  process.stdout.on('error', end)

  const { url, key, filter } = options
  const client = createClient({ url, apiKey: key })
  await checkFilter(client, filter)
  const view = createView(options)
  const changes = client.watchDeliveries({
    ...filter,
    signal: stop.signal,
    onConnect: () => view.showStatus(`Following ${url}`),
    onDisconnect: ({ message }) => view.showStatus(`${message} Trying again …`),
    onReconnect: () => view.showStatus(`Connected to ${url} again, and catching up.`),
  })
  try {
    for await (const delivery of changes) view.show(delivery)
  } finally {
    view.close()
  }
}

/** Without this, a wrong id would only show nothing. @throws UnknownIdError */
async function checkFilter(
  client: Client,
  { eventId, subscriptionId }: TailOptions['filter'],
): Promise<void> {
  if (eventId !== undefined && (await client.event(eventId)) === null)
    throw new UnknownIdError(`There is no event ${eventId}. See --event.`)
  if (subscriptionId !== undefined && (await client.subscription(subscriptionId)) === null)
    throw new UnknownIdError(`There is no subscription ${subscriptionId}. See --subscription.`)
}

function createView({ isJson, url }: TailOptions): View {
  if (isJson) return createJsonLines(process.stdout, process.stderr)
  return process.stdout.isTTY ? createTable(process.stdout, url) : createLines(process.stdout)
}

watchForCrashes((error, origin) => {
  logger.fatal({ error: describeCrash(error) }, origin)
  process.exit(1)
})

main().catch((error: unknown) => {
  const sentence = explain(error)
  if (sentence === undefined) logger.fatal({ error: describeCrash(error) }, 'The console failed')
  else process.stderr.write(`${sentence}\n`)
  process.exitCode = 1
})

/** A sentence for what a person can mend; undefined for what only a developer can. */
function explain(error: unknown): string | undefined {
  if (error instanceof UsageError) return `${error.message}\n\n${usage}`
  if (error instanceof UnknownIdError) return error.message
  if (!(error instanceof ClientError)) return undefined
  if (error.code === 'UNAUTHENTICATED') return `${error.message} Give it as --key or NODE_EVENT_SERVICE_KEY.`
  if (error.code === 'UNREACHABLE') return `${error.message} Is the service running? See --url.`
  return error.message
}
