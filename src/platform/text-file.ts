import { readFileSync } from 'node:fs'

const isUtf16 = (bytes: Buffer) => ['fffe', 'feff'].includes(bytes.toString('hex', 0, 2))

/**
 * What a person wrote with whatever editor: some put a byte order mark before it, which is none of the text.
 *
 * @throws Error of the file system, or that says that it is not UTF-8
 */
export function readText(path: string): string {
  const bytes = readFileSync(path)
  if (isUtf16(bytes)) throw new Error('it is in UTF-16, so save it as UTF-8')
  return bytes.toString('utf8').replace(/^\uFEFF/, '')
}
