/** How the webhooks of a subscription are authorized. */
import { authForms, type authKinds, type visibleAuth } from '../../subscriptions/auth.js'
import { builder } from '../builder.js'

type Auth = NonNullable<ReturnType<typeof visibleAuth>>

const AuthKind = builder.enumType('AuthKind', {
  description: 'The ways to authorize requests.',
  values: {
    BASIC: { description: 'A user name and a password.' },
    BEARER: { description: 'A token that does not change.' },
    OAUTH2: { description: 'Access tokens by client credentials.' },
  } satisfies Record<(typeof authKinds)[number], object>,
})

const BasicAuth = builder.objectRef<NonNullable<Auth['basic']>>('BasicAuth').implement({
  description: 'Authorization by a user name and a password, which is not shown.',
  fields: (t) => ({ username: t.exposeString('username', { description: 'The user name.' }) }),
})

const OAuth2Auth = builder.objectRef<NonNullable<Auth['oauth2']>>('OAuth2Auth').implement({
  description: 'Authorization by client credentials. The secret is not shown.',
  fields: (t) => ({
    tokenUrl: t.exposeString('tokenUrl', { description: 'Where access tokens are fetched.' }),
    clientId: t.exposeString('clientId', { description: 'Who fetches them.' }),
    scope: t.exposeString('scope', { nullable: true, description: 'The scopes that are asked for.' }),
    audience: t.exposeString('audience', { nullable: true, description: 'The audience that is asked for.' }),
  }),
})

export const SubscriptionAuth = builder.objectRef<Auth>('SubscriptionAuth').implement({
  description: 'How requests are authorized, without what is secret.',
  fields: (t) => ({
    kind: t.expose('kind', { type: AuthKind, description: 'Which way.' }),
    basic: t.expose('basic', { type: BasicAuth, nullable: true, description: 'Null unless BASIC.' }),
    oauth2: t.expose('oauth2', { type: OAuth2Auth, nullable: true, description: 'Null unless OAUTH2.' }),
  }),
})

const BasicAuthInput = builder.inputType('BasicAuthInput', {
  description: authForms.basic,
  fields: (t) => ({
    username: t.string({ required: true, description: authForms.username }),
    password: t.string({ required: true, description: authForms.password }),
  }),
})

const BearerAuthInput = builder.inputType('BearerAuthInput', {
  description: authForms.bearer,
  fields: (t) => ({ token: t.string({ required: true, description: authForms.token }) }),
})

const OAuth2AuthInput = builder.inputType('OAuth2AuthInput', {
  description: authForms.oauth2,
  fields: (t) => ({
    tokenUrl: t.string({ required: true, description: authForms.tokenUrl }),
    clientId: t.string({ required: true, description: authForms.clientId }),
    clientSecret: t.string({ required: true, description: authForms.clientSecret }),
    scope: t.string({ description: authForms.scope }),
    audience: t.string({ description: authForms.audience }),
  }),
})

export const SubscriptionAuthInput = builder.inputType('SubscriptionAuthInput', {
  description: 'One of these.',
  fields: (t) => ({
    basic: t.field({ type: BasicAuthInput, description: authForms.basic }),
    bearer: t.field({ type: BearerAuthInput, description: authForms.bearer }),
    oauth2: t.field({ type: OAuth2AuthInput, description: authForms.oauth2 }),
  }),
})
