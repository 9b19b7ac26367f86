/** What people ask for: deliveries are retried and cancelled, subscriptions are made, changed and deleted. */
import { expect } from 'vitest'
import { cancelDelivery } from '../../../src/deliveries/cancel.js'
import { retryDelivery, retryEvent } from '../../../src/deliveries/retry.js'
import { generateSecret } from '../../../src/secrets/signing-secret.js'
import { deleteSubscription } from '../../../src/subscriptions/delete.js'
import type { SubscriptionChanges } from '../../../src/subscriptions/subscription.js'
import { updateSubscription } from '../../../src/subscriptions/update.js'
import * as pictured from '../reference-model.js'
import {
  deliveriesOf,
  type PicturedDelivery,
  type PicturedSubscription,
  type ReferenceModel,
} from '../reference-model.js'
import { newUrl, subscribe, subscriptionContext, type World } from '../world.js'
import { step, userContextOf } from './step.js'

/** What a person asks for one delivery, which is done or refused as the model says. */
const byHand = (
  ask: (context: ReturnType<typeof userContextOf>, id: string) => Promise<unknown>,
  act: (model: ReferenceModel, delivery: PicturedDelivery) => boolean,
) =>
  step(
    ({ model }) => deliveriesOf(model),
    async (world, delivery) => {
      const asked = ask(userContextOf(world), delivery.id as string)
      if (act(world.model, delivery)) await asked
      else await expect(asked).rejects.toMatchObject({ code: 'CONFLICT' })
    },
  )

export const retry = byHand(retryDelivery, pictured.retry)
export const cancel = byHand(cancelDelivery, (_, delivery) => pictured.cancel(delivery))

export const retryAll = step(
  ({ model }) => model.events,
  async (world, { id, deliveries }) => {
    const retried = deliveries.filter((delivery) => pictured.retry(world.model, delivery)).length
    expect(await retryEvent(userContextOf(world), id)).toMatchObject({ retried })
  },
)

export const existing = ({ model }: World) => model.subscriptions.filter(({ isDeleted }) => !isDeleted)

export const turnOnOrOff = step(existing, async (world, subscription) => {
  pictured.turn(subscription, !subscription.isEnabled)
  const { id, isEnabled } = subscription
  await updateSubscription(subscriptionContext(world), id, { isEnabled })
})

const change = (changes: (subscription: PicturedSubscription) => SubscriptionChanges) =>
  step(existing, async (world, subscription) => {
    await updateSubscription(subscriptionContext(world), subscription.id, changes(subscription))
  })

export const changeUrl = change((subscription) => {
  subscription.url = newUrl()
  subscription.version++
  return { endpointUrl: subscription.url }
})

/** What waits in line is let go where the order is given up. */
export const orderOrNot = change((subscription) => {
  subscription.isOrdered = !subscription.isOrdered
  return { isOrdered: subscription.isOrdered }
})

export const changeSecret = change((subscription) => {
  const secret = generateSecret()
  subscription.secrets.unshift(secret)
  return { secret }
})

async function deleteOne(world: World, subscription: PicturedSubscription): Promise<void> {
  pictured.turn(subscription, false)
  subscription.isDeleted = true
  await deleteSubscription(subscriptionContext(world), subscription.id)
}

export const remove = step(existing, deleteOne)

/** With the same URL and type, under another id: deliveries of the old one are not its own. */
export const makeAgain = step(
  (world) => (world.model.subscriptions.length < MOST_SUBSCRIPTIONS ? existing(world) : []),
  async (world, subscription) => {
    await deleteOne(world, subscription)
    await subscribe(world, subscription.type, subscription.isOrdered, subscription.url)
  },
)

const MOST_SUBSCRIPTIONS = 8

export const subscribeMore = step(
  ({ model }) => (model.subscriptions.length < 6 ? ['a', 'b', '*'] : []),
  (world, type, n) => subscribe(world, type, n % 2 === 0),
)
