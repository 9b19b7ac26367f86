import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'vitest'
import { expectMainJob } from './main-job.js'
import { describeProject } from './project.js'

describeProject('genqlient', ['go'], (project) => {
  it('generates typed Go from schema.graphql, and does the main job, live over WebSocket', async () => {
    copyFileSync('schema.graphql', join(project.directory, 'schema.graphql'))
    await project.run('go', ['generate'])
    await project.run('go', ['build', '-o', 'client', '.'])
    await expectMainJob((env) => project.run('./client', [], { env }), { isLive: true })
  })
})
