/** DNS knows no address of the name. */
export const NOT_FOUND = 'ENOTFOUND'
/** No name server answered in time. */
export const NO_ANSWER = 'ETIMEOUT'
/** The name servers could not tell, or none could be reached. */
export const TEMPORARY_FAILURE = 'EAI_AGAIN'

export type NameLookupErrorCode = typeof NOT_FOUND | typeof NO_ANSWER | typeof TEMPORARY_FAILURE

export class NameLookupError extends Error {
  override readonly name = 'NameLookupError'
  readonly code: NameLookupErrorCode

  constructor(code: NameLookupErrorCode, hostname: string, options?: ErrorOptions) {
    super(`${hostname} could not be looked up`, options)
    this.code = code
  }
}
