/** Reads API keys from the setting `API_KEYS` and from the file at `API_KEYS_FILE`. Both count. */
import { readText } from '../platform/text-file.js'
import type { ApiKey } from './api-key.js'
import { findRepeats, type ParsedApiKeys, parseApiKeys } from './parse-api-keys.js'

export interface ApiKeySources {
  /** The keys from `API_KEYS`. */
  keys: ApiKey[]
  /** The path from `API_KEYS_FILE`. */
  file: string | undefined
  /** Minimum length of an API key. */
  minLength?: number
}

export const parseApiKeysSetting = (entries: string[], minLength?: number): ParsedApiKeys =>
  parseApiKeys(
    entries.map((text, index) => [`API_KEYS#${index + 1}`, text]),
    minLength,
  )

/**
 * Reads the file again, and reports every problem of both sources.
 *
 * @param known the already known problems of the setting
 */
export function readApiKeySources(
  { keys: given, file, minLength }: ApiKeySources,
  known: string[] = [],
): ParsedApiKeys {
  const inFile = file === undefined ? { keys: [], problems: [] } : readFile(file, minLength)
  const keys = [...given, ...inFile.keys]
  const problems = [...known, ...inFile.problems, ...findRepeats(keys)]
  if (keys.length > 0 || problems.length > 0) return { keys, problems }
  return {
    keys,
    problems: [`${file === undefined ? 'API_KEYS' : 'API_KEYS_FILE'} must name at least one key`],
  }
}

/** One entry a line. Empty lines and lines with `#` at their start are ignored. The file is small, and read rarely. */
function readFile(path: string, minLength?: number): ParsedApiKeys {
  try {
    const lines = readText(path).split('\n')
    const entries = lines.map((line, index): [string, string] => [`API_KEYS_FILE#${index + 1}`, line.trim()])
    return parseApiKeys(
      entries.filter(([, text]) => text !== '' && !text.startsWith('#')),
      minLength,
    )
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return { keys: [], problems: [`API_KEYS_FILE can not be read (${code ?? message}): ${path}`] }
  }
}
