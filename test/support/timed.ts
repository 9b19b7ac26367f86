/** How long something takes, as its caller sees it. */
export async function timed<Result>(work: () => Promise<Result>): Promise<[Result, milliseconds: number]> {
  const startedAt = performance.now()
  const result = await work()
  return [result, performance.now() - startedAt]
}
