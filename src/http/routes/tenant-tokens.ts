/** Tokens of tenants: for whoever has an API key, to give to a customer. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ApiKey } from '../../api-keys/api-key.js'
import { tenant } from '../../model/tenant.js'
import { newTenantToken, scopeNames, type TenantTokens, tokenForms } from '../../tenants/tokens.js'
import { answers, BODY_PROBLEMS } from '../openapi.js'
import { time } from '../shapes.js'

const tenantTokenShape = z
  .object({
    token: z.string().meta({ description: tokenForms.token }),
    tenant,
    scopes: z.array(z.enum(scopeNames)),
    expiresAt: time,
  })
  .meta({ id: 'TenantToken', description: tokenForms.itself })

export const tenantTokenRoutes =
  ({ tenantTokens }: { tenantTokens: TenantTokens }): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/tenant-tokens',
      {
        config: { scope: 'manage' },
        schema: {
          tags: ['Operation'],
          operationId: 'createTenantToken',
          summary: 'Make a token for a tenant',
          description: tokenForms.purpose,
          body: newTenantToken.meta({
            id: 'NewTenantToken',
            examples: [{ tenant: 'acme', scopes: ['READ'], expiresInSeconds: 900 }],
          }),
          response: answers({ 201: tenantTokenShape.describe('It is valid from now on.') }, ...BODY_PROBLEMS),
        },
      },
      async ({ body, apiKey }, reply) => {
        const { expiresAt, ...made } = tenantTokens.create(apiKey as ApiKey, body)
        return reply.code(201).send({ ...made, expiresAt: expiresAt.toISOString() })
      },
    )
  }
