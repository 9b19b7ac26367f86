/** An endpoint of another service, read from its export. */
export interface Candidate {
  /** Its id in the export. */
  id: string
  endpointUrl: string
  /** What to create here, or why that can't be. */
  plan: { subscription: NewSubscription; notes: string[] } | { obstacle: string }
}

/** The body of `POST /v1/subscriptions`. */
export interface NewSubscription {
  endpointUrl: string
  eventTypes: string[]
  isEnabled: boolean
  description?: string
  secret?: string
  maxRequestsPerSecond?: number
  timeoutMs?: number
  labels?: Record<string, string>
  headers?: Record<string, string>
  secretHeaders?: Record<string, string>
  auth?: object
  clientCertificate?: { certificate: string; privateKey: string }
}

export const EVERY_TYPE = '*'
export const NEW_SECRET = 'it gets a new secret, because the export has none for it'

const MOST_REQUESTS_PER_SECOND = 10_000
const LONGEST_TIMEOUT_SECONDS = 120
const MOST_DESCRIPTION_CHARACTERS = 1024

/** @returns the setting, without what the service has no limit for */
export function maxRequestsPerSecond(rate: number | null | undefined): { maxRequestsPerSecond?: number } {
  if (!rate || rate > MOST_REQUESTS_PER_SECOND) return {}
  return { maxRequestsPerSecond: Math.max(1, Math.floor(rate)) }
}

/** @returns the timeout, cut to what the service takes; nothing without one, where its setting stands */
export function timeoutMs(seconds: number | null | undefined): { timeoutMs?: number } {
  if (!seconds) return {}
  return { timeoutMs: Math.max(1, Math.round(Math.min(seconds, LONGEST_TIMEOUT_SECONDS) * 1000)) }
}

/** @returns the description, cut to what the service takes; nothing when all texts are empty */
export function description(texts: (string | null | undefined)[]): { description?: string } {
  const text = texts.filter(Boolean).join(': ').slice(0, MOST_DESCRIPTION_CHARACTERS)
  return text === '' ? {} : { description: text }
}

/** A file is not what its option says. */
export class WrongFile extends Error {}
