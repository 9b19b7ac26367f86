import { readFileSync, statSync } from 'node:fs'

const CHECKED_EVERY_MS = 1000

/** Reads a small file when it has changed since the last call. A file that can't be read is an empty one. */
export function watchFile<Content>(path: string, parse: (text: string) => Content): () => Content {
  let content = parse('')
  let version: string | undefined
  let checkedAt = Number.NEGATIVE_INFINITY

  return () => {
    const now = performance.now()
    if (now - checkedAt < CHECKED_EVERY_MS) return content
    checkedAt = now
    const found = versionOf(path)
    if (found !== version) {
      version = found
      content = parse(readText(path))
    }
    return content
  }
}

function versionOf(path: string): string | undefined {
  try {
    const { ino, size, mtimeMs } = statSync(path)
    return `${ino} ${size} ${mtimeMs}`
  } catch {
    return undefined
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
