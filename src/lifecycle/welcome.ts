import { type Config, publicApiKey } from '../config.js'

/** What a developer sees after a start: what the service runs on, and what to try. */
export function welcome(config: Config, url: string): string {
  const key = `-H 'X-API-Key: ${publicApiKey(config) ?? '<your key>'}'`
  const json = `-H 'content-type: application/json'`
  return `
  Node Event Service listens on ${url}
    database  ${config.databaseUrl ? 'PostgreSQL at DATABASE_URL' : 'embedded PostgreSQL, data in .data/'}
    queue     ${config.redis ? 'BullMQ on Redis' : 'BullMQ on PostgreSQL (set REDIS_URL for Redis)'}
    docs      ${url}/docs

  Subscribe an endpoint, publish an event, look at its delivery:

    curl -s ${url}/v1/subscriptions ${key} ${json} \\
      -d '{"endpointUrl": "http://127.0.0.1:4000/webhooks", "eventTypes": ["user.created"]}'

    curl -s ${url}/v1/events ${key} ${json} \\
      -d '{"type": "user.created", "data": {"userId": "u_123"}}'

    curl -s ${url}/v1/deliveries ${key}

`
}
