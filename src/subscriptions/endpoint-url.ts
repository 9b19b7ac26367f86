/** URLs that the service calls: of endpoints, and of those that give access tokens for them. */
import { z } from 'zod'
import { isOneLineText } from '../platform/postgres/postgres-text.js'

const MAX_URL_LENGTH = 2048
export const URL_FORM = `An absolute http or https URL of at most ${MAX_URL_LENGTH} characters.`

/** As the WHATWG URL standard writes it, without the fragment, which is never sent. So equal URLs are equal texts. */
function normalizeUrl(text: string): string {
  const url = new URL(text)
  url.hash = ''
  return url.href
}

/** @param meta for OpenAPI */
export const absoluteUrl = (meta: z.core.GlobalMeta) =>
  z
    .string()
    .max(MAX_URL_LENGTH)
    .superRefine((text, context) => {
      const url = URL.canParse(text) ? new URL(text) : undefined
      if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
        context.addIssue('must be an absolute http:// or https:// URL')
      } else if (!isOneLineText(text)) {
        // The URL parser drops line breaks silently; the stored URL should be the one that is called.
        context.addIssue('must not contain control characters or broken ones')
      } else if (url.username !== '' || url.password !== '') {
        context.addIssue('must not carry a user name or password')
      } else if (url.port === '0') {
        context.addIssue('must not name port 0, where nothing can listen')
      }
    })
    .meta(meta)
    .transform(normalizeUrl)
