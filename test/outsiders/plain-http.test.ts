/** What the machine has anyway: both offer to upgrade the connection to HTTP/2, with each request. */
import { it } from 'vitest'
import { expectMainJob } from './main-job.js'
import { describeProject } from './project.js'

describeProject('java-http-client', ['java'], (project) => {
  it('does the main job, live by Server-Sent Events', () =>
    expectMainJob((env) => project.run('java', ['Main.java'], { env }), { isLive: true }))
})

describeProject('curl', ['curl'], (project) => {
  it('does the main job by --http2, live by Server-Sent Events', () =>
    expectMainJob((env) => project.run('bash', ['main.sh'], { env }), { isLive: true }))
})
