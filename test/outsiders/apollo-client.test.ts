import { it } from 'vitest'
import { expectMainJob } from './main-job.js'
import { describeProject } from './project.js'

for (const name of ['apollo-client-3', 'apollo-client-4'])
  describeProject(name, [], (project) => {
    it('does the main job, live over WebSocket, with automatic persisted queries', () =>
      expectMainJob((env) => project.run('node', ['main.js'], { env }), { isLive: true }))
  })
