/** What is measured, as data. */
import type { Behaviour } from './receiver.js'

export type Load =
  /** As fast as answers come: what is the most? */
  | { loop: 'closed'; connections: number }
  /** At a fixed rate: how long does it take? */
  | { loop: 'open' }

export type Server = 'embedded' | 'machine'

export interface Scenario {
  name: string
  title: string
  /** Scenarios that are compared with each other run in turns. Also what `--scenarios` asks for. */
  group: string
  load: Load
  /** Of a request. */
  bodyBytes: number
  endpoints: Behaviour[]
  /** Whether each endpoint has an event type of its own; else all want every event. */
  hasOwnTypes: boolean
  /** Of the service, over those that every run has. */
  settings: Record<string, string>
  /** Whether the references run, too. Where they don't, those of the scenario named here are compared with. */
  references: true | 'throughput' | 'latency'
  /** The embedded PostgreSQL, or the machine's own with the settings that it comes with. */
  server: Server
  /** What is in the tables before. */
  tables: 'empty' | 'old deliveries'
  /** Whether events are published first, all of them, and only then delivered. */
  isBacklog: boolean
}

const KB = 1024
const repeat = (count: number, behaviour: Behaviour): Behaviour[] => Array(count).fill(behaviour)

const closed: Load = { loop: 'closed', connections: 64 }
const open: Load = { loop: 'open' }

const usual = {
  load: closed,
  bodyBytes: 1 * KB,
  endpoints: repeat(1, 'ok'),
  hasOwnTypes: false,
  settings: {},
  references: true,
  server: 'embedded',
  tables: 'empty',
  isBacklog: false,
} as const satisfies Partial<Scenario>

/** Ten endpoints with a type of their own, two of which may be ill. The deadline is short, so that it passes often. */
const fair = {
  ...usual,
  group: 'fair',
  hasOwnTypes: true,
  settings: { DELIVERY_TIMEOUT_MS: '5000' },
} as const
const well = repeat(10, 'ok')
const hanging = [...repeat(8, 'ok'), ...repeat(2, 'hang')]
const failing = [...repeat(8, 'ok'), ...repeat(2, 'fail')]
const onThroughput = { load: closed, references: 'throughput' } as const
const onLatency = { load: open, references: 'latency' } as const

const servers = { ...usual, group: 'servers' } as const
const ofMachine = { server: 'machine', title: "the machine's PostgreSQL, with its defaults" } as const

export const scenarios: Scenario[] = [
  { ...usual, name: 'throughput', title: 'one endpoint, 1 KB', group: 'throughput' },
  { ...usual, name: 'latency', title: 'one endpoint, 1 KB', group: 'latency', load: open },
  { ...usual, name: 'fan-out', title: 'each event to 10 endpoints', group: 'fan-out', endpoints: well },
  { ...usual, name: 'large', title: 'one endpoint, 100 KB', group: 'large', bodyBytes: 100 * KB },

  { ...fair, ...onThroughput, name: 'well', title: '10 endpoints, all well', endpoints: well },
  { ...fair, ...onThroughput, name: 'hanging', title: '10 endpoints, 2 hang', endpoints: hanging },
  { ...fair, ...onThroughput, name: 'failing', title: '10 endpoints, 2 answer 500', endpoints: failing },
  { ...fair, ...onLatency, name: 'well-latency', title: '10 endpoints, all well', endpoints: well },
  { ...fair, ...onLatency, name: 'hanging-latency', title: '10 endpoints, 2 hang', endpoints: hanging },
  { ...fair, ...onLatency, name: 'failing-latency', title: '10 endpoints, 2 answer 500', endpoints: failing },

  { ...servers, ...onThroughput, name: 'embedded', title: 'the embedded PostgreSQL' },
  { ...servers, ...onThroughput, ...ofMachine, name: 'machine' },
  { ...servers, ...onLatency, name: 'embedded-latency', title: 'the embedded PostgreSQL' },
  { ...servers, ...onLatency, ...ofMachine, name: 'machine-latency' },

  {
    ...{ ...usual, ...onThroughput, name: 'backlog', title: 'a backlog, published before a worker runs' },
    ...{ group: 'backlog', isBacklog: true },
  },

  {
    ...{ ...usual, ...onThroughput, name: 'empty-tables', title: 'nothing in the tables' },
    group: 'old-deliveries',
  },
  {
    ...{ ...usual, ...onThroughput, name: 'old-deliveries', title: 'old deliveries in the tables' },
    ...{ group: 'old-deliveries', tables: 'old deliveries' },
  },
]

export const eventTypesOf = ({ hasOwnTypes, endpoints }: Scenario): string[] =>
  hasOwnTypes ? endpoints.map((_, index) => `order.type${index}`) : ['order.paid']

/** The event types that an endpoint wants, as numbers in `eventTypesOf`. */
export const wantedBy = (endpoint: number, { hasOwnTypes }: Scenario): number => (hasOwnTypes ? endpoint : 0)
