import type { FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { tenant } from '../../model/tenant.js'
import { createSubscription, type SubscriptionContext } from '../../subscriptions/create.js'
import { findSubscription, listSubscriptions } from '../../subscriptions/find.js'
import { withHealth } from '../../subscriptions/health.js'
import { labelQuery } from '../../subscriptions/labels.js'
import { rotateSecret } from '../../subscriptions/rotate-secret.js'
import {
  secretRotation,
  subscriptionBody,
  subscriptionChanges,
  type VisibleSubscription,
} from '../../subscriptions/subscription.js'
import { updateSubscription } from '../../subscriptions/update.js'
import { contextFor } from '../auth.js'
import { answers, BODY_PROBLEMS } from '../openapi.js'
import { idParameter, locationHeader, pageQuery } from '../shapes.js'
import {
  createdSubscriptionShape,
  subscriptionPage,
  subscriptionShape,
  toSubscription,
} from '../subscription-shapes.js'

const listQuery = pageQuery.extend({
  enabled: z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .transform((text) => text === 'true')
    .optional(),
  label: labelQuery,
  tenant: tenant.optional().meta({ description: 'Subscriptions of this tenant.' }),
})

export const subscriptionRoutes =
  (parts: Omit<SubscriptionContext, 'database'>): FastifyPluginAsyncZod =>
  async (app) => {
    async function shown({ database }: FastifyRequest, subscription: VisibleSubscription) {
      const [row] = await withHealth(database, [subscription])
      return toSubscription(row as NonNullable<typeof row>)
    }

    app.post(
      '/subscriptions',
      {
        config: { scope: 'manage' },
        schema: {
          tags: ['Subscriptions'],
          operationId: 'createSubscription',
          summary: 'Subscribe an endpoint to event types',
          description: 'The answer is the only one that shows the `secret`, generated when none was given.',
          body: subscriptionBody.meta({
            id: 'NewSubscription',
            // An address of this machine: `/docs` fills in the example, and a click must not send events to a stranger.
            examples: [{ endpointUrl: 'http://127.0.0.1:4000/webhooks', eventTypes: ['user.created'] }],
          }),
          response: answers(
            {
              201: createdSubscriptionShape.meta({
                description: 'Created.',
                headers: locationHeader('/v1/subscriptions/{id}'),
              }),
            },
            409,
            ...BODY_PROBLEMS,
          ),
        },
      },
      async (request, reply) => {
        const context = contextFor(request, parts)
        const { secret, ...subscription } = await createSubscription(context, request.body)
        reply.code(201).header('location', `/v1/subscriptions/${subscription.id}`)
        return { ...(await shown(request, subscription)), secret }
      },
    )

    app.get(
      '/subscriptions',
      {
        config: { scope: 'read' },
        schema: {
          tags: ['Subscriptions'],
          operationId: 'listSubscriptions',
          summary: 'Subscriptions, newest first',
          querystring: listQuery,
          response: answers({ 200: subscriptionPage.describe('A page of subscriptions.') }),
        },
      },
      async (request) => {
        const { enabled, label, tenant, ...page } = request.query
        const filter = { enabled, label, tenant }
        const { items, nextCursor } = await listSubscriptions(contextFor(request, parts), filter, page)
        return { items: (await withHealth(request.database, items)).map(toSubscription), nextCursor }
      },
    )

    app.get(
      '/subscriptions/:id',
      {
        config: { scope: 'read' },
        schema: {
          tags: ['Subscriptions'],
          operationId: 'getSubscription',
          summary: 'A subscription',
          params: idParameter,
          response: answers({ 200: subscriptionShape.describe('The subscription.') }, 404),
        },
      },
      async (request) =>
        shown(request, await findSubscription(contextFor(request, parts), request.params.id)),
    )

    app.patch(
      '/subscriptions/:id',
      {
        config: { scope: 'manage' },
        schema: {
          tags: ['Subscriptions'],
          operationId: 'updateSubscription',
          summary: 'Change a subscription',
          description:
            'What waits for a disabled subscription stays as it is and goes on when it is enabled again. ' +
            'After a change of secret, each replaced one signs beside the new one for its own 24 hours, ten at most.',
          params: idParameter,
          body: subscriptionChanges.meta({
            id: 'SubscriptionChanges',
            minProperties: 1,
            examples: [{ description: 'Accounts, staging' }],
          }),
          response: answers({ 200: subscriptionShape.describe('As it is now.') }, 404, 409, ...BODY_PROBLEMS),
        },
      },
      async (request) => {
        const { params, body } = request
        return shown(request, await updateSubscription(contextFor(request, parts), params.id, body))
      },
    )

    app.post(
      '/subscriptions/:id/rotate-secret',
      {
        config: { scope: 'manage' },
        schema: {
          tags: ['Subscriptions'],
          operationId: 'rotateSecret',
          summary: 'Replace the secret of a subscription by a new one',
          description:
            'The answer is the only one that shows the new `secret`. The former one signs beside it for `overlapHours`; ' +
            'secrets that were replaced before keep their own times, ten at most. A key pair is replaced likewise.',
          params: idParameter,
          body: secretRotation.meta({ id: 'SecretRotation', examples: [{ overlapHours: 24 }] }),
          response: answers(
            { 200: createdSubscriptionShape.describe('As it is now, with its new secret.') },
            404,
            ...BODY_PROBLEMS,
          ),
        },
      },
      async (request) => {
        const { params, body } = request
        const context = contextFor(request, parts)
        const { secret, ...subscription } = await rotateSecret(context, params.id, body)
        return { ...(await shown(request, subscription)), secret }
      },
    )
  }
