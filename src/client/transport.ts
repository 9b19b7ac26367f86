/** Sends a GraphQL operation in one HTTP request, and reads the answer. */
import { ClientError, type ServiceErrorItem } from './client-errors.js'
import type { TypedDocumentString } from './generated/graphql.js'

/** A generated document, or the text of an operation; the caller of a text declares the result and the variables. */
export type Document<Data, Variables> = TypedDocumentString<Data, Variables> | string

export interface TransportOptions {
  /** For example `http://127.0.0.1:3000/graphql`. */
  url: string
  apiKey: string
  /** Replaces the global `fetch`. */
  fetch?: typeof fetch | undefined
}

export interface Result<Data> {
  data?: Data | null
  errors?: { message: string; extensions?: { code?: unknown } }[]
}

export interface Transport {
  /** Resolves with the service's answer. @throws ClientError when it refuses, or another program answers */
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

/** @throws ClientError when the result has errors, or no data */
export function dataOf<Data>({ data, errors }: Result<Data>): Data {
  if (errors !== undefined && errors.length > 0) throw new ClientError(errors.map(toItem))
  if (data == null) throw new ClientError([{ code: 'BAD_RESPONSE', message: 'The answer has no data.' }])
  return data
}

/** The error for a connection that failed or was lost. */
export function unreachable(url: string, error: unknown): ClientError {
  const { message, cause } = error as Error
  const { code, message: reason } = (cause ?? {}) as { code?: string; message?: string }
  const why = code ?? (reason || message)
  return new ClientError([{ code: 'UNREACHABLE', message: `${url} can not be reached (${why}).` }], {
    cause: error,
  })
}

/** The error for any other answer: the service's refusal, or another program's page. */
async function refusal(response: Response, signal: AbortSignal | undefined): Promise<ClientError> {
  const text = await response.text().catch(() => '')
  signal?.throwIfAborted()
  const errors = errorsIn(text)
  if (errors !== undefined) return new ClientError(errors.map(toItem))
  // A proxy answers with 502 to 504 while it can't reach the service.
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
