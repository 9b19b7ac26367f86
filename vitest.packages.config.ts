import { defineConfig } from 'vitest/config'
import { wholeValues } from './test/support/failure-messages.js'

/** What npm would publish, packed, and used elsewhere: `npm run test:packages`. It takes packages from the registry. */
export default defineConfig({
  // As in vitest.config.ts: there must be one file of graphql only.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    include: ['test/packages/**/*.test.ts'],
    globalSetup: 'test/support/global-setup.ts',
    testTimeout: 120_000,
    hookTimeout: 300_000,
    chaiConfig: wholeValues,
  },
})
