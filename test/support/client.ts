/** A user of the REST API. */
export interface Answered<Body> {
  status: number
  headers: Headers
  body: Body
}

export interface Client {
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for
  get<Body = any>(path: string, headers?: Record<string, string>): Promise<Answered<Body>>
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for
  post<Body = any>(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answered<Body>>
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for
  patch<Body = any>(path: string, body: unknown): Promise<Answered<Body>>
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for
  delete<Body = any>(path: string): Promise<Answered<Body>>
}

export const TEST_KEY = 'key-of-the-tests'

/** A body that is a string is sent as it is; anything else as JSON. */
export function createClient(baseUrl: string, apiKey: string = TEST_KEY): Client {
  async function send<Body>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ) {
    const response = await fetch(baseUrl + path, {
      method,
      headers: {
        'x-api-key': apiKey,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json')
    return {
      status: response.status,
      headers: response.headers,
      body: (isJson ? JSON.parse(text) : text) as Body,
    }
  }
  return {
    get: (path, headers) => send('GET', path, undefined, headers),
    post: (path, body, headers) => send('POST', path, body, headers),
    patch: (path, body) => send('PATCH', path, body),
    delete: (path) => send('DELETE', path),
  }
}
