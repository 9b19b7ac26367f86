/** How the endpoint of a subscription is, in the answers of the routes. */
import { z } from 'zod'
import { type EndpointHealth, healthStates } from '../subscriptions/health.js'
import { time } from './basic-shapes.js'

export const healthShape = z
  .object({
    state: z.enum(healthStates),
    consecutiveFailures: z.int().meta({ description: 'Failed attempts since the last success.' }),
    failingSince: time.nullable().meta({ description: 'When the first of them failed.' }),
    lastSuccessAt: time.nullable(),
    lastFailureAt: time.nullable(),
    successRate: z.number().min(0).max(1).nullable().meta({
      description: 'The attempts of the last hour that succeeded; null without any.',
    }),
    latencyP95Ms: z.int().nullable().meta({
      description: '95 % of the attempts of the last hour took at most this long; null without any.',
    }),
  })
  .meta({
    id: 'EndpointHealth',
    description: 'How attempts at its endpoint ended lately, since it was changed or enabled.',
  })

export const toHealth = ({ failingSince, lastSuccessAt, lastFailureAt, ...health }: EndpointHealth) => ({
  ...health,
  failingSince: failingSince?.toISOString() ?? null,
  lastSuccessAt: lastSuccessAt?.toISOString() ?? null,
  lastFailureAt: lastFailureAt?.toISOString() ?? null,
})
