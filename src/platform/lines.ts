/** Lines of a stream of bytes, as they come, in memory that a line's limit bounds. */

const LINE_FEED = 0x0a

export interface Line {
  /** From 1. */
  number: number
  /** Without its end; undefined for a line of more bytes than allowed. */
  bytes: Buffer | undefined
}

/** @returns the lines that each chunk completes; the last line needs no end */
export async function* readLines(
  stream: AsyncIterable<Buffer>,
  maxLineBytes: number,
): AsyncGenerator<Line[]> {
  let number = 0
  let begun: Buffer[] = []
  let begunBytes = 0

  function keep(bytes: Buffer): void {
    begunBytes += bytes.length
    if (begunBytes > maxLineBytes) begun = []
    else begun.push(bytes)
  }
  function complete(end: Buffer): Line {
    keep(end)
    const bytes = begunBytes > maxLineBytes ? undefined : Buffer.concat(begun)
    begun = []
    begunBytes = 0
    number += 1
    return { number, bytes }
  }

  for await (const chunk of stream) {
    const lines: Line[] = []
    let from = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, from)) {
      lines.push(complete(chunk.subarray(from, end)))
      from = end + 1
    }
    keep(chunk.subarray(from))
    yield lines
  }
  if (begunBytes > 0) yield [complete(Buffer.alloc(0))]
}
