import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { WrongFile } from './candidate.js'

/**
 * Reads the answers of a list's pages: a file holds one, or an array of them.
 *
 * @throws WrongFile when a file can't be read or is not of that shape
 */
export function readPages<Page>(paths: string[], page: z.ZodType<Page>, what: string): Page[] {
  return paths.flatMap((path) => {
    const { success, data, error } = z.array(page).safeParse([parseFile(path)].flat())
    if (success) return data
    const [issue] = error.issues
    throw new WrongFile(`${path} is not ${what}: ${issue?.path.slice(1).join('.')}: ${issue?.message}`)
  })
}

function parseFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new WrongFile(`${path} can't be read as JSON: ${(error as Error).message}`)
  }
}
