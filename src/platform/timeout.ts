export class TimeoutError extends Error {
  override readonly name = 'TimeoutError'
}

/** Settles as the work does, or rejects after the timeout. The work itself goes on. @throws TimeoutError */
export async function withTimeout<Result>(
  work: Promise<Result>,
  timeoutMs: number,
  what: string,
): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new TimeoutError(`${what} did not answer within ${timeoutMs} ms.`)),
      timeoutMs,
    )
  })
  work.catch(() => {})
  try {
    return await Promise.race([work, tooLate])
  } finally {
    clearTimeout(timer)
  }
}
