import type { DeliveryFieldsFragment } from '../client/index.js'

/** What a delivery goes to: the URL, or where a consumer takes it, the subscription. */
export const targetOf = ({
  subscriptionId,
  subscription,
}: Pick<DeliveryFieldsFragment, 'subscriptionId' | 'subscription'>) =>
  subscription.endpointUrl ?? `pull:${subscriptionId}`
