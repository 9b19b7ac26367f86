/** What is measured, as data. */
import type { Behaviour } from './receiver.js'
import type { Watchers } from './watching.js'

export type Load =
  /**
   * Each connection publishes again as soon as it has an answer, to find the highest rate. `mostEventsPerSecond` limits
   * it where answers come faster than events can be delivered.
   */
  | { loop: 'closed'; connections: number; mostEventsPerSecond?: number }
  /** At a fixed rate, or at a `share` of it: how long does it take? */
  | { loop: 'open'; share?: number }

export type Server = 'embedded' | 'machine'

/** The service in one process, or its API and its worker apart. */
export type Layout = 'one' | 'apart'

export interface Scenario {
  name: string
  title: string
  /** Scenarios that are compared with each other run in turns. Also what `--scenarios` asks for. */
  group: string
  load: Load
  /** The size of a request's body. */
  bodyBytes: number
  endpoints: Behaviour[]
  /** The number of addresses of this machine that the endpoints are spread over. */
  hosts: number
  /** Whether each endpoint has an event type of its own; else all want every event. */
  hasOwnTypes: boolean
  /** The tenant of an endpoint and of the events of its type; without it nothing has a tenant. */
  tenantOf?(endpoint: number): string
  layout: Layout
  /** Settings of the service, which override those that every run has. */
  settings: Record<string, string>
  /** Whether the references run, too. Where they don't, those of the scenario named here are compared with. */
  references: true | 'throughput' | 'latency'
  /** The embedded PostgreSQL, or the machine's own with the settings that it comes with. */
  server: Server
  /** What is in the tables before. */
  tables: 'empty' | 'old deliveries' | 'subscriptions of others'
  /** Whether events are published first, all of them, and only then delivered. */
  isBacklog: boolean
  /** Who watches meanwhile, over SSE; nobody when it is absent. */
  watchers?: Watchers
}

const KB = 1024
const repeat = (count: number, behaviour: Behaviour): Behaviour[] => Array(count).fill(behaviour)

const closed: Load = { loop: 'closed', connections: 64 }
const open: Load = { loop: 'open' }

const usual = {
  load: closed,
  bodyBytes: 1 * KB,
  endpoints: repeat(1, 'ok'),
  hosts: 1,
  hasOwnTypes: false,
  layout: 'one',
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

/** A thousand tenants with an endpoint each, and one of them that publishes a hundred times its share. */
const TENANTS = 999
const NOISY = 100
const tenants = {
  ...usual,
  ...({ group: 'tenants', hasOwnTypes: true, references: 'latency' } as const),
  settings: { DELIVERY_TIMEOUT_MS: '5000' },
  tenantOf: (endpoint: number) => (endpoint < TENANTS ? `tenant-${endpoint}` : 'noisy'),
} as const
/** The others publish as much as they do beside it. */
const alone: Load = { loop: 'open', share: TENANTS / (TENANTS + NOISY) }

const layouts = { ...usual, group: 'apart' } as const
const apart = { layout: 'apart', title: 'one endpoint, 1 KB, API and worker apart' } as const
const watched = { ...usual, group: 'watchers', references: 'throughput' } as const

const servers = { ...usual, group: 'servers' } as const
const ofMachine = { server: 'machine', title: "the machine's PostgreSQL, with its defaults" } as const

export const scenarios: Scenario[] = [
  { ...layouts, name: 'throughput', title: 'one endpoint, 1 KB' },
  { ...layouts, ...onThroughput, ...apart, name: 'apart-throughput' },
  { ...layouts, name: 'latency', title: 'one endpoint, 1 KB', load: open },
  { ...layouts, ...onLatency, ...apart, name: 'apart-latency' },

  { ...usual, name: 'fan-out', title: 'each event to 10 endpoints', group: 'fan-out', endpoints: well },
  {
    ...{ ...usual, name: 'fan-out-100', title: 'each event to 100 endpoints', group: 'fan-out-100' },
    ...{ load: { ...closed, mostEventsPerSecond: 100 }, endpoints: repeat(100, 'ok') },
  },
  { ...usual, name: 'large', title: 'one endpoint, 100 KB', group: 'large', bodyBytes: 100 * KB },

  { ...fair, ...onThroughput, name: 'well', title: '10 endpoints, all well', endpoints: well },
  { ...fair, ...onThroughput, name: 'hanging', title: '10 endpoints, 2 hang', endpoints: hanging },
  { ...fair, ...onThroughput, name: 'failing', title: '10 endpoints, 2 answer 500', endpoints: failing },
  { ...fair, ...onLatency, name: 'well-latency', title: '10 endpoints, all well', endpoints: well },
  { ...fair, ...onLatency, name: 'hanging-latency', title: '10 endpoints, 2 hang', endpoints: hanging },
  { ...fair, ...onLatency, name: 'failing-latency', title: '10 endpoints, 2 answer 500', endpoints: failing },

  {
    ...{ ...tenants, name: 'tenants-alone', title: '999 tenants' },
    ...{ load: alone, endpoints: repeat(TENANTS, 'ok') },
  },
  {
    ...{
      ...tenants,
      name: 'tenants',
      title: '999 tenants, and one with 100 times their share, whose endpoints hang',
    },
    ...{ load: open, endpoints: [...repeat(TENANTS, 'ok'), ...repeat(NOISY, 'hang')] },
  },

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

  {
    ...{ ...usual, ...onThroughput, name: 'one-subscription', title: 'one subscription' },
    group: 'subscriptions',
  },
  {
    ...{
      ...usual,
      ...onThroughput,
      name: 'many-subscriptions',
      title: 'one subscription that matches, of many',
    },
    ...{ group: 'subscriptions', tables: 'subscriptions of others' },
  },

  {
    ...{ ...usual, ...onThroughput, name: 'one-endpoint', title: 'one endpoint' },
    group: 'endpoints',
  },
  {
    ...{ ...usual, ...onThroughput, name: 'many-endpoints', title: '10,000 endpoints on 2,000 hosts' },
    ...{ group: 'endpoints', endpoints: repeat(10_000, 'ok'), hosts: 2000, hasOwnTypes: true },
  },
  { ...watched, name: 'watchers-none', title: 'nobody watches' },
  {
    ...{ ...watched, name: 'watchers-filtered', title: '1,000 watch for DEAD, nothing is' },
    watchers: { count: 1000, status: ['DEAD'] },
  },
  { ...watched, name: 'watchers-all', title: '100 watch everything', watchers: { count: 100 } },
  {
    ...{ ...watched, ...onLatency, name: 'watchers-latency', title: '100 watch everything' },
    watchers: { count: 100 },
  },
]

/** What is published: events of each kind in turns. */
export interface EventKind {
  type: string
  tenant?: string | undefined
}

export const eventKindsOf = ({ hasOwnTypes, endpoints, tenantOf }: Scenario): EventKind[] =>
  hasOwnTypes
    ? endpoints.map((_, index) => ({ type: `order.type${index}`, tenant: tenantOf?.(index) }))
    : [{ type: 'order.paid' }]

/** The kind of events that an endpoint wants, as a number in `eventKindsOf`. */
export const wantedBy = (endpoint: number, { hasOwnTypes }: Scenario): number => (hasOwnTypes ? endpoint : 0)
