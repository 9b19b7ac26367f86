/** Reads docker-compose.yml as Docker Compose does: merged, and with what the environment says put in. */
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { z } from 'zod'

/** All that the run by hand knows of; another key is an error, so that nothing is passed over. */
const service = z.strictObject({
  image: z.string(),
  build: z.string().optional(),
  init: z.boolean().optional(),
  read_only: z.boolean().default(false),
  tmpfs: z.string().optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  restart: z.enum(['unless-stopped', 'on-failure']),
  stop_grace_period: z.string().default('10s').transform(toMs),
  environment: z.record(z.string(), z.string()).default({}),
  command: z.array(z.string()).optional(),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  networks: z.array(z.string()),
  depends_on: z
    .record(
      z.string(),
      z.strictObject({ condition: z.enum(['service_healthy', 'service_completed_successfully']) }),
    )
    .default({}),
  healthcheck: z
    .union([
      z.strictObject({ disable: z.literal(true) }),
      z.strictObject({
        test: z.array(z.string()),
        interval: z.string(),
        timeout: z.string(),
        retries: z.number(),
        start_period: z.string().optional(),
      }),
    ])
    .optional(),
})

const composeFile = z.object({
  services: z.record(z.string(), service),
  networks: z.record(z.string(), z.strictObject({ internal: z.boolean() })),
})

export type ComposeService = z.infer<typeof service>
export type ComposeFile = z.infer<typeof composeFile>

/** @throws Error with the file's own words for a variable that must be set (`:?`) */
export async function readComposeFile(environment: Record<string, string>): Promise<ComposeFile> {
  const text = await readFile('docker-compose.yml', 'utf8')
  const document = parse(text, { merge: true })
  return composeFile.parse(interpolate(document, environment))
}

function interpolate(value: unknown, environment: Record<string, string>): unknown {
  if (typeof value === 'string') return substitute(value, environment)
  if (Array.isArray(value)) return value.map((item) => interpolate(item, environment))
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).map(([key, item]) => [key, interpolate(item, environment)])
  return Object.fromEntries(entries)
}

/** `${NAME}`, `${NAME:-default}` and `${NAME:?message}`. */
function substitute(text: string, environment: Record<string, string>): string {
  return text.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind = '-', rest = '') => {
    const value = environment[name]
    if (value) return value
    if (kind === '?') throw new Error(`required variable ${name} is missing a value: ${rest}`)
    return rest
  })
}

function toMs(duration: string): number {
  const seconds = /^(\d+)s$/.exec(duration)?.[1]
  if (seconds === undefined) throw new Error(`Not known to the run by hand: a duration of ${duration}`)
  return Number(seconds) * 1000
}
