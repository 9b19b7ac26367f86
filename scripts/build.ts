/**
 * Builds the programs into `dist`. What Node.js loads at a start is a few large files instead of 1,700 small ones
 * (docs/decisions/0040-programs-as-bundles.md).
 */
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { buildPrograms } from './programs.js'

await rm(fileURLToPath(new URL('../dist', import.meta.url)), { recursive: true, force: true })
await buildPrograms('dist')
