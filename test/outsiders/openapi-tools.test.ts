/** Linters and a fuzzer, given `/openapi.json` as a user would. They find nothing. */
import { join } from 'node:path'
import { expect, inject, it } from 'vitest'
import { createResources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { startProcess, temporaryDirectory } from '../support/process.js'
import { describeProject } from './project.js'

describeProject('openapi-linters', [], (project) => {
  const url = () => `${inject('outsidersServiceUrl')}/openapi.json`
  const bin = (program: string) => join(project.directory, 'node_modules/.bin', program)

  it('pass redocly lint, recommended-strict', async () => {
    const env = { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' }
    const found = JSON.parse(await project.run(bin('redocly'), ['lint', url(), '--format=json'], { env }))
    expect(found.problems).toEqual([])
    expect(found.totals).toMatchObject({ errors: 0, warnings: 0, ignored: 0 })
  })

  it('pass Spectral, spectral:oas, without a hint', async () => {
    const found = await project.run(bin('spectral'), ['lint', '--fail-severity=hint', url()])
    expect(found).toContain("No results with a severity of 'hint' or higher found!")
  })
})

/** Enough for the phases that are counted. The ones that go on until their time is up share the rest. */
const FUZZ_SECONDS = 45

describeProject('schemathesis', ['python'], (project) => {
  it('finds nothing with all checks but one', async () => {
    await using resources = createResources()
    const { path: directory } = resources.use(temporaryDirectory())
    // Endpoints are made up, so every webhook goes to a proxy that is not there.
    const settings = {
      DELIVERY_MAX_ATTEMPTS: '1',
      EGRESS_PROXY_URL: 'http://127.0.0.1:9',
    }
    const { url } = resources.use(await startProcess({ directory, settings }))
    // After twenty wrong keys in a minute an address is answered with 429, which this check takes for an acceptance.
    // test/integration/api-keys.test.ts asks every route without a key.
    const checks = ['--checks=all', '--exclude-checks=ignored_auth']
    // A feed is asked to wait for up to 30 s.
    const patience = '--request-timeout=40'
    const limits = ['--max-examples=20', patience, `--max-time=${FUZZ_SECONDS}`, '--seed=1', '--no-color']
    const found = await project.run('.venv/bin/schemathesis', [
      ...['run', `${url}/openapi.json`, '--header', `X-API-Key: ${TEST_KEY}`, ...checks, ...limits],
    ])
    expect(found).toMatch(/Selected: (\d+)\/\1\n\s*Tested: \1\n/)
    expect(found).not.toMatch(/ ❌ /)
  })
})
