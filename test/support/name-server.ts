/** A name server on loopback, over UDP, that knows what a test tells it. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

/** The addresses of a name with their TTL; a code of RFC 1035 §4.1.1 (2: failure, 3: no such name); or silence. */
export type NameServerAnswer = { addresses: string[]; ttl: number } | { rcode: number } | 'silent'

export interface NameServer extends AsyncDisposable {
  /** `address:port`. */
  address: string
  /** The questions in order: `A hooks.test`. */
  questions: string[]
}

const TYPES: Record<number, string> = { 1: 'A', 28: 'AAAA' }

/**
 * @param answer is asked for the addresses of one family, by the type `A` or `AAAA`
 * @param at a free port of 127.0.0.1 unless given
 */
export async function startNameServer(
  answer: (name: string, type: string) => NameServerAnswer,
  at = { address: '127.0.0.1', port: 0 },
): Promise<NameServer> {
  const socket = createSocket('udp4')
  const questions: string[] = []
  socket.on('message', (query, { port, address }) => {
    const { name, type, end } = readQuestion(query)
    questions.push(`${type} ${name}`)
    const found = answer(name, type)
    if (found !== 'silent') socket.send(writeAnswer(query.subarray(0, end), found), port, address)
  })
  socket.bind(at.port, at.address)
  await once(socket, 'listening')
  return {
    address: `${at.address}:${socket.address().port}`,
    questions,
    async [Symbol.asyncDispose]() {
      socket.close()
      await once(socket, 'close')
    },
  }
}

const HEADER_BYTES = 12

function readQuestion(query: Buffer): { name: string; type: string; end: number } {
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length).toLowerCase())
    at += 1 + length
  }
  const type = query.readUInt16BE(at + 1)
  return { name: labels.join('.'), type: TYPES[type] ?? String(type), end: at + 5 }
}

/** @param question the query up to the end of its question, which the answer repeats */
function writeAnswer(question: Buffer, found: Exclude<NameServerAnswer, 'silent'>): Buffer {
  const addresses = 'rcode' in found ? [] : found.addresses
  const head = Buffer.from(question)
  head.writeUInt16BE(0x8180 | ('rcode' in found ? found.rcode : 0), 2)
  head.writeUInt16BE(addresses.length, 6)
  head.writeUInt32BE(0, 8)
  return Buffer.concat([head, ...addresses.map((address) => writeRecord(address, found as { ttl: number }))])
}

function writeRecord(address: string, { ttl }: { ttl: number }): Buffer {
  const bytes = address.includes(':') ? bytesOfIpv6(address) : Buffer.from(address.split('.').map(Number))
  const record = Buffer.alloc(12)
  record.writeUInt16BE(0xc000 | HEADER_BYTES) // The name of the question.
  record.writeUInt16BE(bytes.length === 4 ? 1 : 28, 2)
  record.writeUInt16BE(1, 4)
  record.writeUInt32BE(ttl, 6)
  record.writeUInt16BE(bytes.length, 10)
  return Buffer.concat([record, bytes])
}

function bytesOfIpv6(address: string): Buffer {
  const [before = '', after = ''] = address.split('::')
  const groups = (text: string) => text.split(':').filter((group) => group !== '')
  const [head, tail] = [groups(before), groups(after)]
  const all = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail]
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex')
}
