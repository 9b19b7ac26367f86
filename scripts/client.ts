/** `npm run client -- types`: writes the TypeScript types of the data of each event type in a service's catalogue. */
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { writeEventTypes } from './client/event-types.js'

const usage = `Writes TypeScript types for the data of the event types in a service's catalogue.

  npm run client -- types [options]

  --url <url>     the service (http://127.0.0.1:3000)
  --key <key>     its API key, with the scope read; better in NODE_EVENT_SERVICE_KEY (dev-key-1)
  --out <file>    where they go (event-types.ts)
  --help
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:3000' },
    key: { type: 'string', default: process.env.NODE_EVENT_SERVICE_KEY ?? 'dev-key-1' },
    out: { type: 'string', default: 'event-types.ts' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help || positionals.join() !== 'types') {
  console.log(usage)
  process.exit(values.help ? 0 : 2)
}

const response = await fetch(new URL('/v1/catalogue', values.url), { headers: { 'x-api-key': values.key } })
if (!response.ok) {
  console.error(`${values.url} answered ${response.status}: ${await response.text()}`)
  process.exit(1)
}
const { text, count } = await writeEventTypes(await response.json())
await writeFile(values.out, text)
console.log(`${values.out}: ${count} event types`)
