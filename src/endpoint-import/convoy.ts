/** What Convoy lists at `GET /api/v1/projects/{projectID}/endpoints` and `…/subscriptions`. */
import { z } from 'zod'
import { namedValues } from '../platform/named-values.js'
import {
  type Candidate,
  description,
  EVERY_TYPE,
  maxRequestsPerSecond,
  NEW_SECRET,
  timeoutMs,
} from './candidate.js'
import { accessFields, accessHere } from './convoy-access.js'
import { readPages } from './export-file.js'

const secret = z.object({
  value: z.string(),
  expires_at: z.string().nullish(),
  deleted_at: z.string().nullish(),
})
const endpoint = z.object({
  uid: z.string(),
  /** Its former names are `target_url` and `title`. */
  url: z.string().nullish(),
  target_url: z.string().nullish(),
  name: z.string().nullish(),
  title: z.string().nullish(),
  description: z.string().nullish(),
  status: z.string().nullish(),
  secrets: z.array(secret).nullish(),
  rate_limit: z.number().nullish(),
  /** Seconds, or text such as `1m0s` in former versions. */
  rate_limit_duration: z.union([z.number(), z.string()]).nullish(),
  http_timeout: z.union([z.number(), z.string()]).nullish(),
  owner_id: z.string().nullish(),
  ...accessFields,
})
const subscription = z.object({
  uid: z.string(),
  name: z.string().nullish(),
  endpoint_metadata: z.object({ uid: z.string() }).nullish(),
  source_metadata: z.object({ uid: z.string().nullish() }).nullish(),
  function: z.string().nullish(),
  filter_config: z
    .object({
      event_types: z.array(z.string()).nullish(),
      filter: namedValues(z.string(), z.unknown()).nullish(),
    })
    .nullish(),
})
const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ data: z.object({ content: z.array(item) }) })

type Endpoint = z.infer<typeof endpoint>
type Subscription = z.infer<typeof subscription>

/** One candidate for each subscription, and one for each endpoint that has none. */
export function readConvoy(endpointsFiles: string[], subscriptionsFiles: string[]): Candidate[] {
  const endpoints = readPages(endpointsFiles, pageOf(endpoint), "Convoy's list of endpoints").flatMap(
    ({ data }) => data.content,
  )
  const subscriptions = readPages(
    subscriptionsFiles,
    pageOf(subscription),
    "Convoy's list of subscriptions",
  ).flatMap(({ data }) => data.content)
  return [
    ...subscriptions.map((each) => {
      const target = endpoints.find(({ uid }) => uid === each.endpoint_metadata?.uid)
      return { id: each.uid, endpointUrl: urlOf(target), plan: planFor(each, target) }
    }),
    ...endpoints
      .filter(({ uid }) => !subscriptions.some(({ endpoint_metadata }) => endpoint_metadata?.uid === uid))
      .map((each) => ({
        id: each.uid,
        endpointUrl: urlOf(each),
        plan: { obstacle: 'it has no subscription in Convoy' },
      })),
  ]
}

const urlOf = (endpoint: Endpoint | undefined) => endpoint?.url ?? endpoint?.target_url ?? ''

function planFor(subscription: Subscription, endpoint: Endpoint | undefined): Candidate['plan'] {
  const { filter_config } = subscription
  if (endpoint === undefined) return { obstacle: 'its endpoint is not in the list of endpoints' }
  if (subscription.source_metadata?.uid)
    return { obstacle: 'it forwards what a source receives, and there are no sources here' }
  if (hasRules(filter_config?.filter))
    return { obstacle: 'it filters by content, and only event types select here' }
  if (subscription.function) return { obstacle: 'a function transforms its webhooks, which is not supported' }
  const access = accessHere(endpoint)
  if ('obstacle' in access) return access
  const types = filter_config?.event_types ?? []
  const value = newestSecret(endpoint)
  return {
    subscription: {
      endpointUrl: urlOf(endpoint),
      eventTypes: types.length > 0 ? types : [EVERY_TYPE],
      isEnabled: (endpoint.status ?? 'active') === 'active',
      ...description([endpoint.name ?? endpoint.title, endpoint.description]),
      ...(value && { secret: value }),
      ...maxRequestsPerSecond(requestsPerSecond(endpoint)),
      ...timeoutMs(secondsIn(endpoint.http_timeout)),
      ...(endpoint.owner_id && { labels: { owner_id: endpoint.owner_id } }),
      ...access,
    },
    notes: value ? [] : [NEW_SECRET],
  }
}

/** Whether a filter of headers or bodies holds anything, however deep Convoy puts it. */
function hasRules(filter: unknown): boolean {
  if (typeof filter !== 'object' || filter === null) return filter !== null && filter !== undefined
  return Object.values(filter).some((value) => typeof value !== 'boolean' && hasRules(value))
}

/** Convoy adds new secrets at the end, and lets the former ones expire. */
const newestSecret = ({ secrets }: Endpoint) =>
  secrets?.findLast(({ expires_at, deleted_at }) => !expires_at && !deleted_at)?.value

function requestsPerSecond({ rate_limit, rate_limit_duration }: Endpoint): number | undefined {
  const seconds = secondsIn(rate_limit_duration)
  return rate_limit && seconds ? rate_limit / seconds : undefined
}

const UNIT_SECONDS: Record<string, number> = { h: 3600, m: 60, s: 1 }

/** @param duration in seconds, or as Go prints it, such as `1h0m0s` */
const secondsIn = (duration: number | string | null | undefined) =>
  typeof duration === 'number' ? duration : secondsOf(duration ?? '')

const secondsOf = (duration: string) =>
  [...duration.matchAll(/([\d.]+)([hms])/g)].reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (UNIT_SECONDS[unit as string] as number),
    0,
  )
