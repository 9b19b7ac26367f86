/** Prometheus' own tool reads the metrics, and the alerts of the documentation. */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, it } from 'vitest'
import { createClient } from '../support/client.js'
import { describeProject } from './project.js'

const ALERTS = 'prometheus-alerts.yml'

describeProject('promtool', ['promtool'], (project) => {
  it('finds nothing to say about the metrics', async () => {
    const api = createClient(inject('outsidersServiceUrl'))
    await api.get('/v1/stats')
    const { body } = await api.get<string>('/v1/metrics')
    // prom-client gives three gauges of Node.js the suffix of counters.
    const lines = body.split('\n').filter((line) => !/nodejs_active_\w+_total/.test(line))
    expect(lines.length).toBeGreaterThan(20)
    await project.run('promtool', ['check', 'metrics'], { input: lines.join('\n') })
  })

  it('takes the alerts of the documentation, which fire when they should', async () => {
    copyFileSync(join('docs/examples', ALERTS), join(project.directory, ALERTS))
    await project.run('promtool', ['check', 'rules', ALERTS])
    await project.run('promtool', ['test', 'rules', 'alerts.test.yml'])
  })
})
