import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { expectMainJob } from './main-job.js'
import { describeProject } from './project.js'

describeProject('relay', [], (project) => {
  beforeAll(async () => {
    cpSync('schema.graphql', join(project.directory, 'schema.graphql'))
    await project.run('npm', ['run', '--silent', 'compile'])
  })

  it('is compiled: @refetchable and @connection go through node(id:)', () => {
    for (const name of ['documentsEndpointPageQuery', 'documentsEventPageQuery']) {
      const artefact = readFileSync(join(project.directory, '__generated__', `${name}.graphql.js`), 'utf8')
      expect(artefact).toContain('node(id: $id)')
    }
  })

  it('does the main job, live by graphql-ws, with nested pages and merged stats', async () => {
    let printed = ''
    await expectMainJob(
      async (env) => {
        printed = await project.run('node', ['main.js'], { env })
        return printed
      },
      { isLive: true },
    )
    const report = JSON.parse(printed.trim().split('\n').at(-1) ?? '')
    expect(report).toMatchObject({ nestedAreOfSubscription: true, eventsTotal: expect.any(Number) })
  })
})
