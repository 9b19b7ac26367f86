/** Publications on their way into the table of events: what the accepting statements take. */
import { matchKey, toStoredKey } from '../model/tenant.js'
import type { Publication } from './publication.js'

/** A publication before its commit as an event. */
export interface Candidate {
  id: string
  publication: Publication
  /** SHA-256 in hex; only beside an idempotency key. */
  contentHash: string | null
  createdAt: Date
}

/**
 * `data` comes as the bytes of all events, one after the other. An array would need an escape for each quote, at the
 * cost of parsing the data.
 */
export const sqlPublications = `
  publications as (
    select id, type, convert_from(substring($8::bytea from "dataFrom" for "dataBytes"), 'UTF8') as data,
           metadata, "idempotencyKey", "contentHash", "createdAt", "matchKey", tenant
    from unnest($1::uuid[], $2::text[], $3::int[], $4::int[], $5::text[], $6::text[], $7::text[], $9::timestamptz[],
                $10::text[], $11::text[])
      as publication
        (id, type, "dataFrom", "dataBytes", metadata, "idempotencyKey", "contentHash", "createdAt", "matchKey", tenant)
  )`

/** SQL: the columns of a new event, and their values of a publication `p`. */
export const sqlEvents = {
  columns: 'id, type, tenant, data, metadata, "idempotencyKey", "contentHash", "createdAt"',
  values: `
  p.id, p.type, p.tenant, p.data::json, p.metadata::json, p."idempotencyKey", decode(p."contentHash", 'hex'),
  p."createdAt"`,
}

/** The parameters of `sqlPublications`. */
export function columnsOf(candidates: Candidate[], matchKeys: string[]): unknown[] {
  const publications = candidates.map(({ publication }) => publication)
  const data = publications.map((publication) => Buffer.from(publication.data))
  return [
    candidates.map(({ id }) => id),
    publications.map(({ type }) => type),
    startsOf(data),
    data.map(({ length }) => length),
    publications.map(({ metadata }) => metadata),
    publications.map(storedKeyOf),
    candidates.map(({ contentHash }) => contentHash),
    Buffer.concat(data),
    candidates.map(({ createdAt }) => createdAt),
    matchKeys,
    publications.map(({ tenant }) => tenant),
  ]
}

/** The idempotency key as it is stored. */
export const storedKeyOf = ({ idempotencyKey, tenant }: Publication): string | null =>
  idempotencyKey === null ? null : toStoredKey(idempotencyKey, tenant)

/** The start of each piece in their concatenation; PostgreSQL counts from 1. */
function startsOf(pieces: Buffer[]): number[] {
  let next = 1
  return pieces.map(({ length }) => {
    const start = next
    next += length
    return start
  })
}

/** Candidates with the same key are wanted by the same subscriptions, but for their filters. */
export const keyOf = ({ publication: { type, tenant } }: Candidate): string => matchKey(type, tenant)
