import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/global-setup.ts',
    // A Redis of the user's is shared by all test files, and some of them flush it.
    fileParallelism: process.env.REDIS_URL === undefined,
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // What the tests measure is the service, not the wish of whoever runs them.
    env: { NODE_ENV: 'test' },
  },
})
