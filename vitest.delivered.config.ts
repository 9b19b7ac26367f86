import { defineConfig } from 'vitest/config'
import { wholeValues } from './test/support/failure-messages.js'

/** What is delivered: `npm run test:image`. Apart from `npm test`, because it needs root, Linux and some minutes. */
export default defineConfig({
  test: {
    include: ['test/delivered/**/*.test.ts'],
    globalSetup: 'test/delivered/global-setup.ts',
    testTimeout: 60_000,
    hookTimeout: 180_000,
    chaiConfig: wholeValues,
    bail: 1,
  },
})
