/**
 * Makes one `content-length` of several that are equal, as RFC 9110 §8.6 allows a recipient to. Some frameworks
 * behind a proxy send the header twice. The parser refuses any repetition, so the headers are rewritten before it
 * reads them.
 *
 * Different lengths stay as they are, and the parser refuses them: they are how responses are smuggled. So do headers
 * that arrive in several reads.
 */
import type { Socket } from 'node:net'

const END_OF_HEADERS = '\r\n\r\n'
const SEVERAL_LENGTHS = /\r\ncontent-length:[^\r\n]*(?:,|\r\n(?:[\s\S]*\n)?content-length:)/i
const LENGTHS = /\r\ncontent-length:([^\r\n]*)/gi

/** Must be called before the parser reads from the socket. */
export function mergeRepeatedLengths(socket: Socket): void {
  const read = socket.read.bind(socket)
  let written = 0

  socket.read = (size?: number) => {
    const chunk: Buffer | null = read(size)
    // The first read after a write begins a response.
    if (chunk === null || socket.bytesWritten === written) return chunk
    written = socket.bytesWritten
    return mergeLengths(chunk)
  }
}

function mergeLengths(chunk: Buffer): Buffer {
  const end = chunk.indexOf(END_OF_HEADERS)
  if (end === -1) return chunk
  const headers = chunk.toString('latin1', 0, end)
  if (!SEVERAL_LENGTHS.test(headers)) return chunk
  const values = [...headers.matchAll(LENGTHS)].flatMap(([, value = '']) => value.split(','))
  const [length, ...others] = values.map((value) => value.trim())
  if (length === undefined || others.length === 0) return chunk
  if (!/^\d+$/.test(length) || others.some((other) => other !== length)) return chunk
  const merged = `${headers.replaceAll(LENGTHS, '')}\r\ncontent-length: ${length}`
  return Buffer.concat([Buffer.from(merged, 'latin1'), chunk.subarray(end)])
}
