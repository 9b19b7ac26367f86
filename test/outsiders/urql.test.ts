import { it } from 'vitest'
import { expectMainJob } from './main-job.js'
import { describeProject } from './project.js'

describeProject('urql', [], (project) => {
  it.each(['graphql-ws', 'graphql-sse', 'fetch'])('does the main job, live by %s', (transport) =>
    expectMainJob((env) => project.run('node', ['main.js', transport], { env }), { isLive: true }),
  )
})
