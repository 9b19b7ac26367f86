/** What `npm run import-endpoints` is told. */
import { parseArgs } from 'node:util'
import type { Candidate } from './candidate.js'
import { readConvoy } from './convoy.js'
import { readSvix } from './svix.js'

export const usage = `Creates subscriptions from the endpoints of another service.

  npm run import-endpoints -- svix <endpoints.json>… [--secrets <secrets.json>]… [--headers <headers.json>]… [options]
  npm run import-endpoints -- convoy <endpoints.json>… --subscriptions <subscriptions.json>… [options]

  --url <url>      the service (http://127.0.0.1:3000)
  --key <key>      its API key with the scope manage; better in NODE_EVENT_SERVICE_KEY, where no list of processes
                   shows it (dev-key-1)
  --dry-run        say what would be created, and ask the service nothing
  --help

It prints a line for each endpoint. It ends with 1 when one of them could not be imported.
`

export class UsageError extends Error {}

interface ImportOptions {
  url: string
  key: string
  isDryRun: boolean
  help: boolean
  read(): Candidate[]
}

export function readOptions(args: string[], environment: NodeJS.ProcessEnv): ImportOptions {
  const { values, positionals } = parse(args)
  if (!URL.canParse(values.url)) throw new UsageError(`--url must be a URL, not "${values.url}".`)
  return {
    url: new URL(values.url).origin,
    key: values.key ?? environment.NODE_EVENT_SERVICE_KEY ?? 'dev-key-1',
    isDryRun: values['dry-run'],
    help: values.help,
    read: () => readExport(positionals, values),
  }
}

function readExport(
  [from, ...files]: string[],
  { secrets, headers, subscriptions }: Record<'secrets' | 'headers' | 'subscriptions', string[]>,
): Candidate[] {
  if (files.length === 0) throw new UsageError('Name svix or convoy, and a file of endpoints.')
  if (from === 'svix') return readSvix({ endpoints: files, secrets, headers })
  if (from !== 'convoy') throw new UsageError(`"${from}" is neither svix nor convoy.`)
  if (subscriptions.length === 0)
    throw new UsageError('Convoy needs --subscriptions: they hold the event types.')
  return readConvoy(files, subscriptions)
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        secrets: { type: 'string', multiple: true, default: [] },
        headers: { type: 'string', multiple: true, default: [] },
        subscriptions: { type: 'string', multiple: true, default: [] },
        url: { type: 'string', default: 'http://127.0.0.1:3000' },
        key: { type: 'string' },
        'dry-run': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}
