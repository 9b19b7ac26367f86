/** What `npm run tail` is told. */
import { parseArgs } from 'node:util'
import type { DeliveryStatus, WatchDeliveriesOptions } from '../client/index.js'

export const usage = `Shows deliveries as they change.

  npm run tail -- [options]

  --url <url>              the service (http://127.0.0.1:3000/graphql)
  --key <key>              its API key; better in NODE_EVENT_SERVICE_KEY, where no list of processes shows it
                           (dev-key-1)
  --event <id>             deliveries of one event
  --subscription <id>      deliveries to one subscription
  --status <one,other>     changes to PENDING, SENT, FAILED or DEAD
  --since <time>           begin with what has changed since then: 2026-01-31T18:20:43Z
  --json                   prints a JSON object for each change, also on a terminal
  --help

On a terminal it draws a table: deliveries by the status they have now, finished attempts a second, the share of
failures among the latest attempts as a bar, and the time of the last change in UTC. Anywhere else it prints a line for each change:
  time status attempts eventType endpoint deliveryId error
`

/** What was asked for is not to be understood. */
export class UsageError extends Error {}

/** The service knows nothing by the id that was given. */
export class UnknownIdError extends Error {}

export interface TailOptions {
  url: string
  key: string
  filter: Pick<WatchDeliveriesOptions, 'eventId' | 'subscriptionId' | 'status' | 'since'>
  isJson: boolean
  help: boolean
}

export function readOptions(args: string[], environment: NodeJS.ProcessEnv): TailOptions {
  const values = parse(args)
  return {
    url: toUrl(values.url),
    key: values.key ?? environment.NODE_EVENT_SERVICE_KEY ?? 'dev-key-1',
    filter: {
      eventId: values.event,
      subscriptionId: values.subscription,
      status: values.status === undefined ? undefined : values.status.split(',').map(toStatus),
      since: values.since === undefined ? undefined : toDate(values.since),
    },
    isJson: values.json,
    help: values.help,
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        url: { type: 'string', default: 'http://127.0.0.1:3000/graphql' },
        key: { type: 'string' },
        event: { type: 'string' },
        subscription: { type: 'string' },
        status: { type: 'string' },
        since: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function toUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.href
  throw new UsageError(`--url must be an http or https URL, not "${text}".`)
}

const statuses: readonly string[] = ['PENDING', 'SENT', 'FAILED', 'DEAD'] satisfies DeliveryStatus[]

function toStatus(text: string): DeliveryStatus {
  const status = text.trim().toUpperCase()
  if (statuses.includes(status)) return status as DeliveryStatus
  throw new UsageError(`--status takes ${statuses.join(', ')}, not "${text}".`)
}

function toDate(text: string): Date {
  const date = new Date(text)
  if (!Number.isNaN(date.getTime())) return date
  throw new UsageError(`--since must be a time such as 2026-01-31T18:20:43Z, not "${text}".`)
}
