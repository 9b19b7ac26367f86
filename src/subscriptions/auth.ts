/** How the webhooks of a subscription are authorized: what may be set, what is stored, and what is shown of it. */
import { z } from 'zod'
import { badInput } from '../errors.js'
import type { ShownAuth, StoredAuth } from '../model/delivery-policy.js'
import { optional } from '../platform/optional.js'
import { isPostgresText, withoutControls } from '../platform/postgres/postgres-text.js'
import { isSealed, LOOKS_SEALED, type SecretCipher } from '../secrets/cipher.js'
import { sealAuthSecret } from '../secrets/credentials.js'
import { absoluteUrl, URL_FORM } from './endpoint-url.js'

const MAX_NAME_LENGTH = 255
const MAX_SECRET_LENGTH = 2048
const MAX_SCOPE_LENGTH = 1024

export const authForms = {
  auth: 'How requests are authorized: `basic`, `bearer` or `oauth2`. Secrets are stored encrypted and never shown.',
  basic: 'A user name and a password (RFC 7617).',
  username: `At most ${MAX_NAME_LENGTH} characters without a colon.`,
  password: `At most ${MAX_SECRET_LENGTH} characters.`,
  bearer: 'A token that does not change (RFC 6750).',
  token: `1 to ${MAX_SECRET_LENGTH} printable ASCII characters without blanks.`,
  oauth2: 'Access tokens by client credentials (RFC 6749, section 4.4), fetched when they are needed.',
  tokenUrl: `Where access tokens are fetched. ${URL_FORM}`,
  clientId: `1 to ${MAX_NAME_LENGTH} printable ASCII characters.`,
  clientSecret: `1 to ${MAX_SECRET_LENGTH} printable ASCII characters.`,
  scope: `The scopes to ask for, with blanks between them; at most ${MAX_SCOPE_LENGTH} characters.`,
  audience: `The audience to ask for; at most ${MAX_SCOPE_LENGTH} printable ASCII characters.`,
} as const

const text = (name: keyof typeof authForms, maxLength: number, pattern: RegExp) =>
  z
    .string()
    .refine(
      (given) => given.length <= maxLength && pattern.test(given) && isPostgresText(given),
      `must be ${lowerFirst(authForms[name])}`,
    )
    .meta({ description: authForms[name], maxLength, pattern: pattern.source })

const lowerFirst = (form: string): string => form.charAt(0).toLowerCase() + form.slice(1).replace(/\.$/, '')

const secret = (name: keyof typeof authForms, pattern: RegExp) =>
  text(name, MAX_SECRET_LENGTH, pattern).refine((given) => !isSealed(given), LOOKS_SEALED)

/** RFC 6749, appendix A: VSCHAR. */
const PRINTABLE = /^[ -~]+$/
const PRINTABLE_WITHOUT_BLANKS = /^[!-~]+$/
/** RFC 6749, section 3.3. */
const SCOPES = /^[!#-[\]-~]+(?: [!#-[\]-~]+)*$/
/** RFC 7617, section 2: no control characters, and no colon in the name. */
const PASSWORD = new RegExp(withoutControls())
const USERNAME = new RegExp(withoutControls(':'))

const auth = z
  .strictObject({
    basic: optional(
      z
        .strictObject({
          username: text('username', MAX_NAME_LENGTH, USERNAME),
          password: secret('password', PASSWORD),
        })
        .meta({ description: authForms.basic }),
    ),
    bearer: optional(
      z
        .strictObject({ token: secret('token', PRINTABLE_WITHOUT_BLANKS) })
        .meta({ description: authForms.bearer }),
    ),
    oauth2: optional(
      z
        .strictObject({
          tokenUrl: absoluteUrl({ format: 'uri', description: authForms.tokenUrl }),
          clientId: text('clientId', MAX_NAME_LENGTH, PRINTABLE),
          clientSecret: secret('clientSecret', PRINTABLE),
          scope: optional(text('scope', MAX_SCOPE_LENGTH, SCOPES)),
          audience: optional(text('audience', MAX_SCOPE_LENGTH, PRINTABLE)),
        })
        .meta({ description: authForms.oauth2 }),
    ),
  })
  .refine(
    (kinds) => Object.values(kinds).filter((kind) => kind !== undefined).length === 1,
    'must be one of basic, bearer and oauth2; null for none',
  )

export const authField = auth.nullish().meta({ description: authForms.auth })

type AuthInput = z.infer<typeof auth>

/** What is stored of an input. */
export function toStoredAuth(cipher: SecretCipher, subscriptionId: string, input: AuthInput): StoredAuth {
  const seal = (plain: string) => sealAuthSecret(cipher, subscriptionId, plain)
  const { basic, bearer, oauth2 } = input
  if (basic) return { basic: { username: basic.username }, secret: seal(basic.password) }
  if (bearer) return { bearer: {}, secret: seal(bearer.token) }
  const { clientSecret, ...shown } = oauth2 as NonNullable<typeof oauth2>
  return { oauth2: shown, secret: seal(clientSecret) }
}

export const authKinds = ['BASIC', 'BEARER', 'OAUTH2'] as const

/** What is shown of a stored column. */
export function visibleAuth(stored: unknown) {
  if (stored === null || stored === undefined) return null
  const { basic, bearer, oauth2 } = stored as ShownAuth
  const kind: (typeof authKinds)[number] = basic ? 'BASIC' : bearer ? 'BEARER' : 'OAUTH2'
  return {
    kind,
    basic: basic ? { username: basic.username } : null,
    oauth2: oauth2
      ? {
          ...{ tokenUrl: oauth2.tokenUrl, clientId: oauth2.clientId },
          ...{ scope: oauth2.scope ?? null, audience: oauth2.audience ?? null },
        }
      : null,
  }
}

/** Authorization comes from one place only. @throws ServiceError BAD_USER_INPUT */
export function checkAuthorization(auth: unknown, ...headerMaps: (object | null | undefined)[]): void {
  if (auth === null || auth === undefined) return
  if (!headerMaps.some((headers) => Object.hasOwn(headers ?? {}, 'authorization'))) return
  throw badInput([
    { path: 'auth', message: 'can not be beside a header `authorization`: remove one of them' },
  ])
}
