import { it } from 'vitest'
import { expectMainJob } from './main-job.js'
import { describeProject } from './project.js'

describeProject('gql', ['python'], (project) => {
  it('checks its documents by introspection, and does the main job, live over WebSocket', () =>
    expectMainJob((env) => project.run('.venv/bin/python', ['main.py'], { env }), { isLive: true }))
})
