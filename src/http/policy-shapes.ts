/** The answers of the routes about how the deliveries of a subscription are made. */
import { z } from 'zod'
import { authKinds } from '../subscriptions/auth.js'
import { time } from './basic-shapes.js'

const retryPolicyShape = z
  .object({
    maxAttempts: z.int().optional().meta({ description: 'Attempts before DEAD.' }),
    backoffBaseSeconds: z.number().optional().meta({ description: 'The wait after the first failure.' }),
    backoffMaxSeconds: z.number().optional().meta({ description: 'The longest wait.' }),
    scheduleSeconds: z
      .array(z.number())
      .readonly()
      .optional()
      .meta({ description: 'The wait after each failure instead, without jitter.' }),
  })
  .meta({
    id: 'RetryPolicy',
    description: 'How often a delivery is attempted. For what is absent the settings stand.',
  })

const authShape = z
  .object({
    kind: z.enum(authKinds),
    basic: z.object({ username: z.string() }).nullable().meta({ description: 'Null unless BASIC.' }),
    oauth2: z
      .object({
        tokenUrl: z.string(),
        clientId: z.string(),
        scope: z.string().nullable(),
        audience: z.string().nullable(),
      })
      .nullable()
      .meta({ description: 'Null unless OAUTH2.' }),
  })
  .meta({ id: 'SubscriptionAuth', description: 'How requests are authorized, without what is secret.' })

const clientCertificateShape = z
  .object({
    subject: z.string(),
    issuer: z.string(),
    serialNumber: z.string().meta({ description: 'Hexadecimal.' }),
    fingerprint256: z.string().meta({ description: 'SHA-256 of the certificate.' }),
    validFrom: time,
    validTo: time,
  })
  .meta({ id: 'ClientCertificate', description: 'What an endpoint is shown. Its key is not.' })

export const policyShape = {
  retryPolicy: retryPolicyShape.nullable().meta({ description: 'Null where the settings decide.' }),
  timeoutMs: z.int().nullable().meta({ description: 'The deadline of an attempt; null for the setting.' }),
  maxInFlight: z
    .int()
    .nullable()
    .meta({ description: 'The most requests at a time, over all workers; null for no limit of its own.' }),
  headers: z.record(z.string(), z.string()).meta({ description: 'Sent with every request, by name.' }),
  secretHeaders: z
    .array(z.string())
    .meta({ description: 'The names of the headers whose values are not shown.' }),
  auth: authShape
    .nullable()
    .meta({ description: 'Null where requests carry no authorization of their own.' }),
  clientCertificate: clientCertificateShape
    .nullable()
    .meta({ description: 'Null where the subscription has none of its own.' }),
}
