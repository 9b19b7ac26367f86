/** The fields of a subscription by which its owner decides how deliveries are made. */

import type { OwnRetryPolicy } from '../../model/delivery-policy.js'
import { authForms, visibleAuth } from '../../subscriptions/auth.js'
import { clientCertificateForms, visibleClientCertificate } from '../../subscriptions/client-certificate.js'
import { namesOf, policyForms } from '../../subscriptions/delivery-policy.js'
import { headerForms } from '../../subscriptions/headers.js'
import { fromStoredLabels, labelForms } from '../../subscriptions/labels.js'
import { inputForms } from '../../subscriptions/subscription.js'
import { builder } from '../builder.js'
import { WebhookFormatEnum } from '../enums.js'
import { PayloadJson } from '../payload-json.js'
import { ClientCertificate, ClientCertificateInput } from './client-certificate.js'
import { SubscriptionAuth, SubscriptionAuthInput } from './subscription-auth.js'

const RetryPolicy = builder.objectRef<OwnRetryPolicy>('RetryPolicy').implement({
  description: 'How often a delivery is attempted. For what is null the settings stand.',
  fields: (t) => ({
    maxAttempts: t.exposeInt('maxAttempts', { nullable: true, description: 'Attempts before DEAD.' }),
    backoffBaseSeconds: t.exposeFloat('backoffBaseSeconds', {
      nullable: true,
      description: 'The wait after the first failure, doubled after each further one.',
    }),
    backoffMaxSeconds: t.exposeFloat('backoffMaxSeconds', {
      nullable: true,
      description: 'The longest of these waits.',
    }),
    scheduleSeconds: t.field({
      type: ['Float'],
      nullable: true,
      description: 'The wait after each failure instead, without jitter: n waits are n + 1 attempts.',
      resolve: ({ scheduleSeconds }) => scheduleSeconds ?? null,
    }),
  }),
})

builder.prismaObjectFields('Subscription', (t) => ({
  retryPolicy: t.field({
    type: RetryPolicy,
    nullable: true,
    select: { retryPolicy: true },
    description: 'How often a delivery is attempted; null where the settings decide.',
    resolve: ({ retryPolicy }) => retryPolicy as OwnRetryPolicy | null,
  }),
  timeoutMs: t.exposeInt('timeoutMs', {
    nullable: true,
    description: 'The deadline of an attempt; null where the setting decides.',
  }),
  maxInFlight: t.exposeInt('maxInFlight', {
    nullable: true,
    description: 'The most requests at a time, over all workers; null for no limit of its own.',
  }),
  format: t.expose('format', { type: WebhookFormatEnum, description: 'What its webhooks look like.' }),
  labels: t.field({
    type: 'JSONObject',
    select: { labels: true },
    description: 'To find it by: values by name.',
    resolve: ({ labels }) => new PayloadJson(fromStoredLabels(labels)),
  }),
  headers: t.field({
    type: 'JSONObject',
    select: { headers: true },
    description: 'Sent with every request: values by name.',
    resolve: ({ headers }) => new PayloadJson(headers ?? {}),
  }),
  secretHeaders: t.stringList({
    select: { secretHeaders: true },
    description: 'The names of the headers whose values are not shown.',
    resolve: ({ secretHeaders }) => namesOf(secretHeaders),
  }),
  auth: t.field({
    type: SubscriptionAuth,
    nullable: true,
    select: { auth: true },
    description: 'How requests are authorized; null where they carry no authorization of their own.',
    resolve: ({ auth }) => visibleAuth(auth),
  }),
  clientCertificate: t.field({
    type: ClientCertificate,
    nullable: true,
    select: { clientCertificate: true },
    description: 'What its endpoint is shown where it asks for a certificate; null without one of its own.',
    resolve: ({ clientCertificate }) => visibleClientCertificate(clientCertificate),
  }),
}))

const RetryPolicyInput = builder.inputType('RetryPolicyInput', {
  description: 'A backoff, where the settings stand for what is absent; or a schedule.',
  fields: (t) => ({
    maxAttempts: t.int({ description: policyForms.maxAttempts }),
    backoffBaseSeconds: t.float({ description: policyForms.backoffBaseSeconds }),
    backoffMaxSeconds: t.float({ description: policyForms.backoffMaxSeconds }),
    scheduleSeconds: t.floatList({ description: policyForms.scheduleSeconds }),
  }),
})

type InputFieldBuilder = Parameters<Parameters<typeof builder.inputType>[1]['fields']>[0]

/** The same in the input of a new subscription and of a change. */
export const policyInputs = (t: InputFieldBuilder) => ({
  retryPolicy: t.field({ type: RetryPolicyInput, description: policyForms.retryPolicy }),
  timeoutMs: t.int({ description: policyForms.timeoutMs }),
  maxInFlight: t.int({ description: policyForms.maxInFlight }),
  format: t.field({ type: WebhookFormatEnum, description: inputForms.format }),
  validate: t.boolean({ description: inputForms.validate }),
  labels: t.field({ type: 'JSONObject', description: labelForms.labels }),
  headers: t.field({ type: 'JSONObject', description: headerForms.headers }),
  secretHeaders: t.field({ type: 'JSONObject', description: headerForms.secretHeaders }),
  auth: t.field({ type: SubscriptionAuthInput, description: authForms.auth }),
  clientCertificate: t.field({
    type: ClientCertificateInput,
    description: clientCertificateForms.clientCertificate,
  }),
})
