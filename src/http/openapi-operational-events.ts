/** Describes in OpenAPI the operational events, which the service publishes: `docs/operational-events.md`. */
import { z } from 'zod'
import { DisabledReason, ReplayKind } from '../generated/prisma/enums.js'
import { type OperationalType, operationalTypes } from '../model/operational-event.js'
import { healthShape } from './health-shape.js'
import { id, tenantShape, time } from './shapes.js'

const health = healthShape
  .omit({ successRate: true, latencyP95Ms: true })
  .meta({ id: 'HealthInEvent', description: 'As in the subscription, at the moment of the event.' })
const subject = { subscriptionId: id, tenant: tenantShape }
const lastAttempt = { lastError: z.string().nullable(), lastStatusCode: z.int().nullable() }

/** `data` of each type. */
export const operationalData: Record<OperationalType, z.ZodObject> = {
  'service.delivery.dead': z
    .strictObject({
      ...{ deliveryId: id, eventId: id, eventType: z.string() },
      ...{ ...subject, attempts: z.int(), ...lastAttempt },
    })
    .meta({ id: 'DeliveryDead', description: 'A delivery has become DEAD.' }),
  'service.endpoint.failing': z
    .strictObject({ ...subject, health, ...lastAttempt })
    .meta({ id: 'EndpointFailing', description: 'An endpoint was paused, because it kept failing.' }),
  'service.endpoint.recovered': z.strictObject({ ...subject, health, failedSince: time }).meta({
    id: 'EndpointRecovered',
    description: 'An endpoint that was reported as failing takes webhooks again.',
  }),
  'service.replay.finished': z
    .strictObject({
      ...{
        replayId: id,
        tenant: tenantShape,
        kind: z.enum(ReplayKind),
        missedBy: id.nullable(),
      },
      ...{ total: z.int().nullable(), done: z.int() },
      ...{ createdAt: time, finishedAt: time },
    })
    .meta({
      id: 'ReplayFinished',
      description: 'A replay, or a retry or discard of many, has come to its end.',
    }),
  'service.subscription.disabled': z
    .strictObject({ ...subject, disabledReason: z.enum(DisabledReason), disabledAt: time })
    .meta({
      id: 'SubscriptionDisabled',
      description: 'A subscription was disabled, by a user or by its endpoint.',
    }),
}

const idOf = (shape: z.ZodType): string => shape.meta()?.id ?? ''

const webhookOf = (type: OperationalType) => {
  const shape = operationalData[type]
  return {
    post: {
      operationId: `receive${idOf(shape)}`,
      summary: shape.meta()?.description ?? '',
      description: `For subscriptions with \`${type}\`, or a pattern of it, among their event types.`,
      tags: ['Operation'],
      security: [],
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: {
              type: 'object' as const,
              required: ['id', 'type', 'createdAt', 'payload'],
              properties: {
                id: { type: 'string' as const, format: 'uuid' },
                type: { type: 'string' as const, enum: [type] },
                createdAt: { type: 'string' as const, format: 'date-time' },
                payload: {
                  type: 'object' as const,
                  required: ['data', 'metadata'],
                  properties: {
                    data: { $ref: `#/components/schemas/${idOf(shape)}` },
                    metadata: { type: 'null' as const, description: 'Always null.' },
                  },
                },
              },
            },
          },
        },
      },
      responses: { '2XX': { description: 'Delivered.' } },
    },
  }
}

export const operationalWebhooks = Object.fromEntries(operationalTypes.map((type) => [type, webhookOf(type)]))
