/** Endpoints of Svix, as `GET /api/v1/app/{app_id}/endpoint/` lists them. */
import { z } from 'zod'
import { type Candidate, description, EVERY_TYPE, maxRequestsPerSecond, NEW_SECRET } from './candidate.js'
import { readPages } from './export-file.js'

const endpoint = z.object({
  id: z.string(),
  url: z.string(),
  description: z.string().nullish(),
  disabled: z.boolean().nullish(),
  /** Absent for all types. */
  filterTypes: z.array(z.string()).nullish(),
  channels: z.array(z.string()).nullish(),
  /** Messages a second; its former name is `rateLimit`. */
  throttleRate: z.number().nullish(),
  rateLimit: z.number().nullish(),
})
const page = z.object({ data: z.array(endpoint) })
/** The answers of `GET /api/v1/app/{app_id}/endpoint/{endpoint_id}/secret/`, by the endpoint's id. */
const secrets = z.record(z.string(), z.object({ key: z.string() }))

type Endpoint = z.infer<typeof endpoint>

export function readSvix(endpointsFiles: string[], secretsFiles: string[]): Candidate[] {
  const pages = readPages(endpointsFiles, page, "Svix's list of endpoints")
  const known = readPages(secretsFiles, secrets, 'a map of ids to what Svix answers for their secret')
  const secretOf: Record<string, { key: string }> = Object.assign({}, ...known)
  return pages
    .flatMap(({ data }) => data)
    .map((each) => ({ id: each.id, endpointUrl: each.url, plan: planFor(each, secretOf[each.id]?.key) }))
}

function planFor(endpoint: Endpoint, secret: string | undefined): Candidate['plan'] {
  if (endpoint.channels?.length)
    return { obstacle: 'it takes the messages of some channels only, and there are no channels here' }
  if (secret?.startsWith('whsk_'))
    return { obstacle: 'its webhooks are signed with an asymmetric key (whsk_): create it with V1A' }
  const types = endpoint.filterTypes ?? []
  return {
    subscription: {
      endpointUrl: endpoint.url,
      eventTypes: types.length > 0 ? types : [EVERY_TYPE],
      isEnabled: !endpoint.disabled,
      ...description([endpoint.description]),
      ...(secret && { secret }),
      ...maxRequestsPerSecond(endpoint.throttleRate ?? endpoint.rateLimit),
    },
    notes: secret ? [] : [NEW_SECRET],
  }
}
