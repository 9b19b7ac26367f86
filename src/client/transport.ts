/** One HTTP request with a GraphQL operation in it, and what its answer says. */
import { ClientError, type ServiceErrorItem } from './client-errors.js'
import type { TypedDocumentString } from './generated/graphql.js'

/** A generated document, or an operation's text, whose result and variables are then the caller's to know. */
export type Document<Data, Variables> = TypedDocumentString<Data, Variables> | string

export interface TransportOptions {
  /** Such as `http://127.0.0.1:3000/graphql`. */
  url: string
  apiKey: string
  /** In place of the global one. */
  fetch?: typeof fetch | undefined
}

export interface Result<Data> {
  data?: Data | null
  errors?: { message: string; extensions?: { code?: unknown } }[]
}

export interface Transport {
  /** The answer to an operation, once it is one of the service's. @throws ClientError */
  post(operation: Operation): Promise<Response>
}

interface Operation {
  document: { toString(): string }
  variables: object | undefined
  accept: string
  signal: AbortSignal | undefined
}

export function createTransport({ url, apiKey, fetch: send = fetch }: TransportOptions): Transport {
  return {
    async post({ document, variables, accept, signal }) {
      const response = await send(url, {
        method: 'POST',
        headers: { accept, 'content-type': 'application/json', 'x-api-key': apiKey },
        body: JSON.stringify({ query: String(document), variables }),
        ...(signal && { signal }),
      }).catch((error: unknown) => {
        signal?.throwIfAborted()
        throw unreachable(url, error)
      })
      const type = response.headers.get('content-type') ?? ''
      if (response.ok && type.startsWith(accept)) return response
      throw await refusal(response, signal)
    },
  }
}

/** Runs a query or a mutation. @throws ClientError */
export async function request<Data, Variables extends object>(
  transport: Transport,
  document: Document<Data, Variables>,
  variables?: Variables,
  signal?: AbortSignal,
): Promise<Data> {
  const response = await transport.post({ document, variables, accept: 'application/json', signal })
  const result = await response.json().catch((error: unknown) => {
    signal?.throwIfAborted()
    throw unreachable(response.url, error)
  })
  return dataOf(result as Result<Data>)
}

/** The data of a result. @throws ClientError when it has errors */
export function dataOf<Data>({ data, errors }: Result<Data>): Data {
  if (errors !== undefined && errors.length > 0) throw new ClientError(errors.map(toItem))
  if (data == null) throw new ClientError([{ code: 'BAD_RESPONSE', message: 'The answer has no data.' }])
  return data
}

/** The connection could not be made, or was lost. */
export function unreachable(url: string, error: unknown): ClientError {
  const { message, cause } = error as Error
  const { code, message: reason } = (cause ?? {}) as { code?: string; message?: string }
  const why = code ?? (reason || message)
  return new ClientError([{ code: 'UNREACHABLE', message: `${url} can not be reached (${why}).` }], {
    cause: error,
  })
}

/** An answer that is not the one that was asked for: the service's refusal, or another program's page. */
async function refusal(response: Response, signal: AbortSignal | undefined): Promise<ClientError> {
  const text = await response.text().catch(() => '')
  signal?.throwIfAborted()
  const errors = errorsIn(text)
  if (errors !== undefined) return new ClientError(errors.map(toItem))
  // A proxy that has lost the service behind it answers like this.
  const code = response.status >= 502 && response.status <= 504 ? 'SERVICE_UNAVAILABLE' : 'BAD_RESPONSE'
  const message = `${response.url} answered ${response.status}, and not as Node Event Service does.`
  return new ClientError([{ code, message }])
}

function errorsIn(text: string): Result<unknown>['errors'] {
  try {
    const { errors } = JSON.parse(text) as Result<unknown>
    return Array.isArray(errors) && errors.length > 0 ? errors : undefined
  } catch {
    return undefined
  }
}

const toItem = ({
  message,
  extensions,
}: NonNullable<Result<unknown>['errors']>[number]): ServiceErrorItem => ({
  message,
  code: typeof extensions?.code === 'string' ? extensions.code : 'INTERNAL_SERVER_ERROR',
})
