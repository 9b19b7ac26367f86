/**
 * Which folder of `src/` may import which others: the one list that `npm run check:imports` enforces and that the table in
 * `docs/architecture.md` is drawn from. A folder that is not named may not be imported. Types count like values.
 * The order is that of the layers, so an import always points to a folder further down.
 */

export const rooms = {
  'main.ts': {
    what: 'starts the service: settings, database, processes, ordered stop',
    imports: ['lifecycle', 'service.ts', 'config.ts', 'telemetry', 'platform', 'budgets.ts'],
  },
  'migrate.ts': {
    what: '`npm run migrate`',
    imports: ['lifecycle', 'config.ts', 'platform', 'budgets.ts'],
  },
  'retention.ts': {
    what: '`npm run retention`',
    imports: ['lifecycle', 'config.ts', 'retention', 'telemetry', 'platform', 'budgets.ts', 'errors.ts'],
  },
  'tail.ts': { what: '`npm run tail`', imports: ['tail', 'client', 'platform'] },
  tail: { what: 'the live console of a terminal', imports: ['client', 'platform'] },
  'import-endpoints.ts': { what: '`npm run import-endpoints`', imports: ['endpoint-import'] },
  'endpoint-import': {
    what: 'reads what Svix and Convoy export, creates subscriptions over REST',
    imports: ['platform'],
  },
  lifecycle: {
    what: 'how a process starts, is asked to stop and stops; several processes on one port',
    imports: ['service.ts', 'config.ts', 'telemetry', 'platform', 'budgets.ts', 'errors.ts'],
  },
  'service.ts': {
    what: 'makes the parts of the service in the order in which they need each other, then starts them',
    imports: ['service', 'delivery-engine', 'platform'],
  },
  service: {
    what: 'the parts that a service is made of: storage, messaging, background work, HTTP',
    imports: [
      ...[
        'config.ts',
        'http',
        'graphql',
        'pull',
        'replays',
        'erasures',
        'catalogue',
        'delivery-engine',
        'delivery-metrics',
        'retention',
        'events',
        'matching',
        'filters',
        'api-keys',
        'tenants',
        'secrets',
      ],
      ...['telemetry', 'model', 'platform', 'budgets.ts'],
    ],
  },
  'config.ts': {
    what: 'the configuration of a process, from `process.env`',
    imports: ['config', 'delivery-engine', 'api-keys', 'platform'],
  },
  config: {
    what: 'the settings, one by one and together; with `config.ts` the only reader of `process.env`',
    imports: ['delivery-engine', 'api-keys', 'secrets', 'platform', 'errors.ts'],
  },
  http: {
    what: 'Fastify: routes, problems, OpenAPI, health, metrics',
    imports: [
      ...[
        'graphql',
        'pull',
        'replays',
        'erasures',
        'catalogue',
        'events',
        'deliveries',
        'delivery-metrics',
        'subscriptions',
        'api-keys',
        'tenants',
        'secrets',
        'model',
      ],
      ...['telemetry', 'platform', 'budgets.ts', 'errors.ts'],
    ],
  },
  graphql: {
    what: 'the schema, one file a type; live updates; limits of an operation',
    imports: [
      ...[
        'pull',
        'replays',
        'erasures',
        'catalogue',
        'events',
        'deliveries',
        'delivery-metrics',
        'subscriptions',
        'api-keys',
        'tenants',
        'secrets',
        'model',
      ],
      ...['telemetry', 'platform', 'errors.ts'],
    ],
  },
  pull: {
    what: 'deliveries that consumers take: lease, answer, expire',
    imports: [
      ...['delivery-engine', 'deliveries', 'tenants', 'secrets', 'model'],
      ...['telemetry', 'platform', 'errors.ts'],
    ],
  },
  'delivery-engine': {
    what: 'from an accepted event to a recorded attempt',
    imports: [
      ...['events', 'matching', 'filters', 'deliveries', 'delivery-metrics', 'tenants', 'secrets', 'model'],
      ...['telemetry', 'platform', 'budgets.ts', 'errors.ts'],
    ],
  },
  retention: {
    what: 'removes finished events when their days are over',
    imports: ['telemetry', 'model', 'platform', 'errors.ts'],
  },
  catalogue: {
    what: 'event types with their schemas: register, find, check what is published, import and export',
    imports: ['events', 'tenants', 'telemetry', 'model', 'platform', 'errors.ts'],
  },
  events: {
    what: 'publish, accept, find; what a publication is',
    imports: ['matching', 'filters', 'tenants', 'telemetry', 'model', 'platform', 'errors.ts'],
  },
  matching: {
    what: 'which subscriptions want an event: an index in memory, and whether it is current',
    imports: ['filters', 'model', 'platform'],
  },
  replays: {
    what: 'durable jobs that make deliveries once more, or those that were missed',
    imports: ['deliveries', 'filters', 'tenants', 'telemetry', 'model', 'platform', 'errors.ts'],
  },
  erasures: {
    what: 'durable jobs that erase all events of a tenant, or all that went to a subscription',
    imports: ['tenants', 'telemetry', 'model', 'platform', 'errors.ts'],
  },
  deliveries: {
    what: 'find, list, retry, cancel, count',
    imports: ['tenants', 'secrets', 'telemetry', 'model', 'platform', 'errors.ts'],
  },
  subscriptions: {
    what: 'create, update, delete, find; what a subscription may say',
    imports: [
      'delivery-metrics',
      'filters',
      'tenants',
      'secrets',
      'telemetry',
      'model',
      'platform',
      'errors.ts',
    ],
  },
  'delivery-metrics': {
    what: 'attempts and response times by minute and hour: recorded, merged, found, removed',
    imports: ['tenants', 'platform', 'errors.ts'],
  },
  tenants: {
    what: 'what a viewer may see and make: the database without what is of other tenants',
    imports: ['api-keys', 'model', 'platform', 'errors.ts'],
  },
  filters: {
    what: 'expressions in CEL over an event: checked, compiled, bounded in what they may cost',
    imports: ['platform', 'errors.ts'],
  },
  secrets: {
    what: 'the secrets that webhooks are signed with, and how they are stored',
    imports: ['platform', 'errors.ts'],
  },
  'api-keys': {
    what: 'who may call the service, and for what',
    imports: ['telemetry', 'model', 'platform', 'errors.ts'],
  },
  telemetry: {
    what: 'service events, and the metrics and log lines that listen to them',
    imports: ['model', 'platform'],
  },
  model: {
    what: 'the states of a delivery and an event, their columns, counters and leases',
    imports: ['platform', 'budgets.ts'],
  },
  platform: {
    what: 'PostgreSQL, Redis, queue, pub/sub, clock: nothing of the domain',
    imports: ['budgets.ts', 'errors.ts'],
  },
  client: { what: "a client of the service's GraphQL, as its users import it", imports: [] },
  'budgets.ts': { what: 'how long a lease lasts, and what each step of a stop may take', imports: [] },
  'errors.ts': { what: 'the one catalogue of errors', imports: [] },
}
