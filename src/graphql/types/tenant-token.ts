import { parseInput } from '../../platform/input-errors.js'
import { newTenantToken, type scopeNames, type TenantToken, tokenForms } from '../../tenants/tokens.js'
import { builder } from '../builder.js'
import { showsWhole } from '../scopes.js'
import { type Outcome, outcomeOf, userErrors } from '../user-errors.js'

const ApiKeyScopeEnum = builder.enumType('ApiKeyScope', {
  description: 'What an API key, or a token of a tenant, allows.',
  values: {
    PUBLISH: { description: 'Publishing events.' },
    READ: { description: 'Every query and live subscription.' },
    CONSUME: { description: 'Taking and answering deliveries of subscriptions of kind PULL.' },
    MANAGE: { description: 'Every other change.' },
  } satisfies Record<(typeof scopeNames)[number], object>,
})

const TenantTokenType = builder.objectRef<TenantToken>('TenantToken').implement({
  description: tokenForms.itself,
  fields: (t) => ({
    token: t.exposeString('token', { description: tokenForms.token }),
    tenant: t.exposeString('tenant', { description: 'What it sees, changes and makes is of this tenant.' }),
    scopes: t.expose('scopes', { type: [ApiKeyScopeEnum], description: 'What it allows.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'From then on it is refused.' }),
  }),
})

const CreateTenantTokenPayload = builder
  .objectRef<Outcome<TenantToken>>('CreateTenantTokenPayload')
  .implement({
    description: 'The token, or why there is none.',
    fields: (t) => ({
      tenantToken: t.field({
        type: TenantTokenType,
        nullable: true,
        description: 'Null when there are errors.',
        resolve: ({ result }) => result ?? null,
      }),
      errors: t.expose('errors', userErrors),
    }),
  })

builder.mutationField('createTenantToken', (t) =>
  t.field({
    type: CreateTenantTokenPayload,
    extensions: showsWhole('tenantToken'),
    description: tokenForms.purpose,
    args: {
      tenant: t.arg.string({ required: true, description: tokenForms.tenant }),
      scopes: t.arg({ type: [ApiKeyScopeEnum], description: tokenForms.scopes }),
      expiresInSeconds: t.arg.int({ description: tokenForms.expiresInSeconds }),
    },
    resolve: (_root, args, { tenantTokens, apiKey }) =>
      outcomeOf(async () => tenantTokens.create(apiKey, parseInput(newTenantToken, args))),
  }),
)
