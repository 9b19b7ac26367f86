/**
 * Does together what is not refused.
 *
 * @returns for each item, in their order, its result or why it was refused
 */
export async function exceptRefused<Item, Result>(
  items: Item[],
  refusalOf: (item: Item, index: number) => Error | undefined,
  run: (items: Item[]) => Promise<Result[]>,
): Promise<(Result | Error)[]> {
  const refusals = items.map(refusalOf)
  const rest = items.filter((_, index) => refusals[index] === undefined)
  const results = (rest.length === 0 ? [] : await run(rest)).values()
  return refusals.map((refusal) => refusal ?? (results.next().value as Result))
}
