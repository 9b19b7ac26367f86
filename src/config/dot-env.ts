/** The file `.env` of the working directory. */
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { ExpectedStartError } from '../errors.js'
import { readText } from '../platform/text-file.js'

/**
 * Adds the variables of `.env` to `process.env`; a variable that is set already keeps its value.
 * `process.loadEnvFile()` can't be used: it takes a byte order mark for a part of the first name.
 *
 * @throws ExpectedStartError when the file exists and can't be read
 */
export function readDotEnv(): void {
  const path = resolve('.env')
  const text = readOptionalText(path)
  if (text === undefined) return
  for (const [name, value] of Object.entries(parseEnv(text))) process.env[name] ??= value
}

function readOptionalText(path: string): string | undefined {
  try {
    return readText(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new ExpectedStartError(`Node Event Service can't start: ${path} can't be read: ${code ?? message}.`)
  }
}
