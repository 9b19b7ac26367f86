/** What `npm run retention` is told. */
import { parseArgs } from 'node:util'
import { ExpectedStartError } from '../errors.js'

export const usage = `Removes finished events, with their deliveries and logs, that are older than they are to be kept.

  npm run retention -- [options]

  --dry-run        only counts what would go, and changes nothing
  --days <number>  how long finished events are kept; fractions are allowed (RETENTION_DAYS)
  --help
`

interface GivenOptions {
  /** As text, to be read as the setting is. */
  days: string | undefined
  isDryRun: boolean
  help: boolean
}

/** @throws ExpectedStartError */
export function readOptions(args: string[]): GivenOptions {
  const options = {
    days: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  } as const
  try {
    const { values } = parseArgs({ args, options })
    return { days: values.days, isDryRun: values['dry-run'], help: values.help }
  } catch (error) {
    throw new ExpectedStartError(`${(error as Error).message}\n\n${usage}`)
  }
}
