/** Endpoints of Svix, as `GET /api/v1/app/{app_id}/endpoint/` lists them. */
import { z } from 'zod'
import { namedValues } from '../platform/named-values.js'
import { type Candidate, description, EVERY_TYPE, maxRequestsPerSecond, NEW_SECRET } from './candidate.js'
import { readPages } from './export-file.js'

const endpoint = z.object({
  id: z.string(),
  url: z.string(),
  description: z.string().nullish(),
  disabled: z.boolean().nullish(),
  /** Absent for all types. Its former name is `filterTypes`. */
  eventTypes: z.array(z.string()).nullish(),
  filterTypes: z.array(z.string()).nullish(),
  channels: z.array(z.string()).nullish(),
  /** Messages a second; its former name is `rateLimit`. */
  throttleRate: z.number().nullish(),
  rateLimit: z.number().nullish(),
  uid: z.string().nullish(),
  metadata: namedValues(z.string(), z.string()).nullish(),
})
const page = z.object({ data: z.array(endpoint) })
/** The answers of `GET …/endpoint/{endpoint_id}/headers/`, by the endpoint's id. */
const headers = namedValues(
  z.string(),
  z.object({ headers: namedValues(z.string(), z.string()), sensitive: z.array(z.string()).nullish() }),
)
/** The answers of `GET /api/v1/app/{app_id}/endpoint/{endpoint_id}/secret/`, by the endpoint's id. */
const secrets = namedValues(z.string(), z.object({ key: z.string() }))

type Endpoint = z.infer<typeof endpoint>

export interface SvixFiles {
  endpoints: string[]
  secrets: string[]
  headers: string[]
}

export function readSvix(files: SvixFiles): Candidate[] {
  const pages = readPages(files.endpoints, page, "Svix's list of endpoints")
  const secretOf = byId(
    readPages(files.secrets, secrets, 'a map of ids to what Svix answers for their secret'),
  )
  const headersOf = byId(
    readPages(files.headers, headers, 'a map of ids to what Svix answers for their headers'),
  )
  return pages
    .flatMap(({ data }) => data)
    .map((each) => ({
      id: each.id,
      endpointUrl: each.url,
      plan: planFor(each, secretOf[each.id]?.key, headersOf[each.id]),
    }))
}

const byId = <Value>(maps: Record<string, Value>[]): Record<string, Value | undefined> =>
  Object.assign({}, ...maps)

function planFor(
  endpoint: Endpoint,
  secret: string | undefined,
  ofEndpoint: z.infer<typeof headers>[string] | undefined,
): Candidate['plan'] {
  if (endpoint.channels?.length)
    return { obstacle: 'it takes the messages of some channels only, and there are no channels here' }
  if (secret?.startsWith('whsk_'))
    return { obstacle: 'its webhooks are signed with an asymmetric key (whsk_): create it with V1A' }
  if (ofEndpoint?.sensitive?.length)
    return { obstacle: `Svix does not show the values of its headers ${ofEndpoint.sensitive.join(', ')}` }
  const types = endpoint.eventTypes ?? endpoint.filterTypes ?? []
  const labels = { ...endpoint.metadata, ...(endpoint.uid && { uid: endpoint.uid }) }
  return {
    subscription: {
      endpointUrl: endpoint.url,
      eventTypes: types.length > 0 ? types : [EVERY_TYPE],
      isEnabled: !endpoint.disabled,
      ...description([endpoint.description]),
      ...(secret && { secret }),
      ...maxRequestsPerSecond(endpoint.throttleRate ?? endpoint.rateLimit),
      ...(Object.keys(labels).length > 0 && { labels }),
      ...(ofEndpoint && { headers: ofEndpoint.headers }),
    },
    notes: secret ? [] : [NEW_SECRET],
  }
}
