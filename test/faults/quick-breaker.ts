/**
 * The programs as they are delivered, but for the times of the breaker: no setting has them, and an endpoint would have
 * to fail for a minute to be paused.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Plugin } from 'esbuild'
import { buildPrograms } from '../../scripts/programs.js'
import type { BreakerBounds } from '../../src/model/breaker.js'

/** The wait for a probe is longer than what was held at the moment of the pause may take to be sent. */
const quick: Partial<BreakerBounds> = { pauseAfterMs: 3000, probeWaitMs: 8000, maxProbeWaitMs: 12_000 }

const withQuickBreaker: Plugin = {
  name: 'quick breaker',
  setup({ onLoad }) {
    onLoad({ filter: /src\/model\/breaker\.ts$/ }, async ({ path }) => ({
      contents: `${await readFile(path, 'utf8')}\nObject.assign(breakerBounds, ${JSON.stringify(quick)})\n`,
      loader: 'ts',
    }))
  },
}

export interface QuickBreaker extends AsyncDisposable {
  /** The path of the service. */
  main: string
}

export async function buildQuickBreaker(): Promise<QuickBreaker> {
  // Among the dependencies, because the programs look for them in the folders above their own.
  const folder = await mkdtemp(resolve('node_modules/.quick-breaker-'))
  await buildPrograms(folder, [withQuickBreaker])
  return {
    main: join(folder, 'main.js'),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}
