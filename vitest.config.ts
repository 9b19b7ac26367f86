import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Vite would take another file of graphql than Node does, and there must be one only.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    include: ['test/**/*.test.ts'],
    // These have runs of their own: `npm run test:image` and `npm run test:matrix`.
    exclude: ['test/delivered/**', 'test/matrix/**'],
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
