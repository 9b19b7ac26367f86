/** A gateway of others, Hive Gateway, with the service as one of its subgraphs. */
import { expect, it } from 'vitest'
import { createResources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { startProcess, temporaryDirectory } from '../support/process.js'
import { startReceiver } from '../support/receiver.js'
import { describeProject } from './project.js'

describeProject('hive-gateway', [], (project) => {
  it('joins deliveries with what another subgraph knows of them, both ways and live', async () => {
    await using resources = createResources()
    const { path: directory } = resources.use(temporaryDirectory())
    const settings = { GRAPHQL_FEDERATION: 'true', GRAPHQL_INTROSPECTION: 'false' }
    const service = resources.use(await startProcess({ directory, settings }))
    const receiver = resources.use(await startReceiver())
    const printed = await project.run('node', ['main.js'], {
      env: {
        GRAPHQL_URL: `${service.url}/graphql`,
        API_KEY: TEST_KEY,
        ENDPOINT_URL: receiver.url,
        EVENT_TYPE: 'invoice.sent',
      },
    })
    const report = JSON.parse(printed.trim().split('\n').at(-1) ?? '')
    const delivery = { id: expect.any(String), status: 'SENT' }
    expect(report).toEqual({
      eventId: expect.any(String),
      liveStatuses: expect.arrayContaining(['SENT']),
      invoices: [
        {
          number: 'R-1',
          sentBy: { ...delivery, attempts: 1, event: { id: report.eventId, type: 'invoice.sent' } },
        },
      ],
      deliveries: [{ ...delivery, invoice: { number: 'R-1', sentBy: { status: 'SENT' } } }],
      refusedWith: ['UNAUTHENTICATED'],
    })
    expect(receiver.requests).toHaveLength(1)
  })
})
