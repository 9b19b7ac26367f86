import { defineConfig } from 'vitest/config'
import { wholeValues } from './test/support/failure-messages.js'

/** Foreign clients, installed elsewhere, against the built service: `npm run test:outsiders`. */
export default defineConfig({
  test: {
    include: ['test/outsiders/**/*.test.ts'],
    globalSetup: 'test/outsiders/global-setup.ts',
    // Installing and compiling takes a core for each client.
    maxWorkers: 2,
    testTimeout: 240_000,
    hookTimeout: 300_000,
    chaiConfig: wholeValues,
  },
})
