import { it } from 'vitest'
import { expectMainJob } from './main-job.js'
import { describeProject } from './project.js'

describeProject('graphql-request', [], (project) => {
  it('does the main job', () => expectMainJob((env) => project.run('node', ['main.js'], { env })))
})
