/** How Convoy gets into an endpoint: its `authentication` and its client certificate, and what stands for them here. */
import { z } from 'zod'
import type { NewSubscription } from './candidate.js'

const oauth2 = z.object({
  url: z.string(),
  client_id: z.string(),
  client_secret: z.string().nullish(),
  scope: z.string().nullish(),
  audience: z.string().nullish(),
})

export const accessFields = {
  authentication: z
    .object({
      type: z.string().nullish(),
      api_key: z.object({ header_name: z.string(), header_value: z.string() }).nullish(),
      basic_auth: z.object({ username: z.string(), password: z.string() }).nullish(),
      oauth2: oauth2.nullish(),
    })
    .nullish(),
  mtls_client_cert: z
    .object({ client_cert: z.string().nullish(), client_key: z.string().nullish() })
    .nullish(),
}

const access = z.object(accessFields)
type Access = z.infer<typeof access>
type AccessHere = Pick<NewSubscription, 'auth' | 'secretHeaders' | 'clientCertificate'>

/** What gets into the endpoint from here, or why that can't be. */
export function accessHere(endpoint: Access): AccessHere | { obstacle: string } {
  const credentials = credentialsHere(endpoint)
  if (credentials === undefined)
    return { obstacle: `its endpoint wants authentication (${endpoint.authentication?.type})` }
  const { client_cert: certificate, client_key: privateKey } = endpoint.mtls_client_cert ?? {}
  if (!endpoint.mtls_client_cert) return credentials
  if (!certificate || !privateKey)
    return { obstacle: 'its endpoint wants a client certificate, whose key the export has not' }
  return { ...credentials, clientCertificate: { certificate, privateKey } }
}

/** `undefined` when the export lacks them, or they are of a kind that there is not here. */
function credentialsHere({ authentication }: Access): AccessHere | undefined {
  const { type, api_key, basic_auth, oauth2 } = authentication ?? {}
  if (!type) return {}
  if (type === 'api_key' && api_key) return { secretHeaders: { [api_key.header_name]: api_key.header_value } }
  if (type === 'basic_auth' && basic_auth) return { auth: { basic: basic_auth } }
  if (type !== 'oauth2' || !oauth2?.client_secret) return undefined
  const { url: tokenUrl, client_id: clientId, client_secret: clientSecret, scope, audience } = oauth2
  const optional = { ...(scope && { scope }), ...(audience && { audience }) }
  return { auth: { oauth2: { tokenUrl, clientId, clientSecret, ...optional } } }
}
