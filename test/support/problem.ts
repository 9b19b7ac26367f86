import { expect } from 'vitest'
import type { Answered } from './client.js'

/** That an answer is a problem as RFC 9457 has it, with nothing of the service's inside in it. */
export function expectProblem(
  { status, headers, body }: Answered<Record<string, unknown>>,
  expectedStatus: number,
  /** Where the input is wrong, when that is the problem. */
  ...paths: string[]
): void {
  expect({ status, body }).toMatchObject({
    status: expectedStatus,
    body: { type: expect.any(String), title: expect.any(String), status, detail: expect.any(String) },
  })
  expect(headers.get('content-type')).toBe('application/problem+json')
  const known = ['type', 'title', 'status', 'detail', ...(status === 400 ? ['errors'] : [])]
  expect(Object.keys(body)).toEqual(known)
  if (paths.length > 0) {
    const errors = body.errors as { path: string; message: string }[]
    expect(errors.map(({ path }) => path)).toEqual(paths)
    for (const { message } of errors) expect(message).toMatch(/./)
  }
  expect(JSON.stringify(body)).not.toMatch(/\bat \S+:\d+|node_modules|\.[jt]s\b|prisma|select |insert into/i)
}
