import { defineConfig } from 'vitest/config'
import { wholeValues } from './test/support/failure-messages.js'

/** The service in each test environment: `npm run test:matrix`. Apart from `npm test`, because it takes minutes. */
export default defineConfig({
  // As in vitest.config.ts: there must be one file of graphql only.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    include: ['test/matrix/**/*.test.ts'],
    globalSetup: 'test/matrix/global-setup.ts',
    // Environments of two versions of PostgreSQL at a time.
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 60_000,
    chaiConfig: wholeValues,
    env: { NODE_ENV: 'test' },
  },
})
