/** Clients that are generated from `/openapi.json`, typed, in the way of their generators. */
import { join } from 'node:path'
import { inject, it } from 'vitest'
import { expectMainJob } from './main-job.js'
import { describeProject } from './project.js'

describeProject('openapi-fetch', [], (project) => {
  it('does the main job, with types by openapi-typescript', async () => {
    await project.run('npm', ['run', 'build'], { env: { SERVICE_URL: inject('outsidersServiceUrl') } })
    await expectMainJob((env) => project.run('node', ['dist/main.js'], { env }))
  })
})

describeProject('hey-api', [], (project) => {
  it('does the main job', async () => {
    await project.run('npm', ['run', 'build'], { env: { SERVICE_URL: inject('outsidersServiceUrl') } })
    await expectMainJob((env) => project.run('node', ['dist/main.js'], { env }))
  })
})

describeProject('openapi-python-client', ['python'], (project) => {
  it('does the main job', async () => {
    const url = `${inject('outsidersServiceUrl')}/openapi.json`
    const venv = { PATH: `${join(project.directory, '.venv/bin')}:${process.env.PATH}` }
    await project.run('.venv/bin/openapi-python-client', ['generate', '--url', url], { env: venv })
    const env = { PYTHONPATH: 'node-event-service-client' }
    await expectMainJob((job) => project.run('.venv/bin/python', ['main.py'], { env: { ...env, ...job } }))
  })
})
