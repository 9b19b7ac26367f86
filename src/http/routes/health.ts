import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ClockState } from '../../platform/clock.js'
import { withTimeout } from '../../platform/timeout.js'
import { version } from '../../platform/version.js'
import { openAnswers } from '../openapi.js'

/** The health checks of the parts. A promise resolves when its part answers. */
export interface HealthChecks {
  /** Resolves when a write was committed. */
  database(): Promise<unknown>
  /** Absent without Redis. */
  redis?: () => Promise<unknown>
  /** Whether the delivery engine does its rounds; `disabled` in a process without one. */
  engine(): 'ok' | 'error' | 'disabled'
  /** Reported only. A wrong clock does not make the process unhealthy, because the database's time counts. */
  clock(): ClockState
}

/** Health must answer within two seconds, even if a part hangs. */
const CHECK_TIMEOUT_MS = 1500

const shape = z
  .object({
    status: z.enum(['ok', 'error']),
    version: z.string(),
    uptimeSeconds: z.number(),
    db: z.object({ status: z.enum(['ok', 'error']), latencyMs: z.number() }),
    redis: z.object({ status: z.enum(['ok', 'error', 'disabled']), latencyMs: z.number().optional() }),
    engine: z.object({ status: z.enum(['ok', 'error', 'disabled']) }),
    clock: z.object({ status: z.enum(['ok', 'off']), offsetMs: z.number() }),
    isStopping: z.literal(true).optional(),
  })
  .meta({ id: 'Health' })

export const healthRoutes =
  (checks: HealthChecks, stop: { readonly isUnderWay: boolean }): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/health',
      {
        schema: {
          tags: ['Operation'],
          operationId: 'getHealth',
          summary: 'Whether the service and what it stands on answer',
          security: [],
          description: 'Answers within two seconds, whatever hangs. Takes no key.',
          response: openAnswers({
            200: shape.describe('All is well.'),
            503: shape.describe('A part does not answer, or the process is stopping.'),
          }),
        },
      },
      async (_request, reply) => {
        const [db, redis] = await Promise.all([
          check(checks.database),
          checks.redis ? check(checks.redis) : { status: 'disabled' as const },
        ])
        const isStopping = stop.isUnderWay
        const engine = { status: checks.engine() }
        const isOk = [db, redis, engine].every(({ status }) => status !== 'error') && !isStopping
        reply.code(isOk ? 200 : 503)
        return {
          status: isOk ? 'ok' : 'error',
          version,
          uptimeSeconds: Math.round(process.uptime()),
          db,
          redis,
          engine,
          clock: checks.clock(),
          ...(isStopping && { isStopping }),
        } as const
      },
    )
  }

async function check(ask: () => Promise<unknown>): Promise<{ status: 'ok' | 'error'; latencyMs: number }> {
  const startedAt = performance.now()
  const status = await withTimeout(ask(), CHECK_TIMEOUT_MS, 'A part').then(
    () => 'ok' as const,
    () => 'error' as const,
  )
  return { status, latencyMs: Math.round((performance.now() - startedAt) * 10) / 10 }
}
