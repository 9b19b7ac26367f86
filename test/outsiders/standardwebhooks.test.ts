/** What the service delivers verifies by the libraries of Standard Webhooks, and nothing else does. */
import { randomUUID } from 'node:crypto'
import { expect, inject, it } from 'vitest'
import { createClient } from '../support/client.js'
import { startReceiver } from '../support/receiver.js'
import { describeProject, type Project } from './project.js'

type Verify = (project: Project, input: string) => Promise<string>

/** A webhook as an endpoint receives it, with the secret of its subscription. */
async function receiveWebhook(secret?: string) {
  await using receiver = await startReceiver()
  const api = createClient(inject('outsidersServiceUrl'))
  const type = `outsider.${randomUUID()}`
  const subscription = { endpointUrl: receiver.url, eventTypes: [type], ...(secret && { secret }) }
  const created = await api.post('/v1/subscriptions', subscription)
  await api.post('/v1/events', { type, data: { text: 'Grüße, 世界 🎉', n: 1.5 } })
  await expect.poll(() => receiver.requests.length, { timeout: 20_000 }).toBe(1)
  const { headers, body } = receiver.requests[0] as (typeof receiver.requests)[0]
  return { type, received: JSON.stringify({ secret: created.body.secret, headers, body }) }
}

// Svix' library is what receivers have whose subscriptions were imported from there.
const libraries: [string, Parameters<typeof describeProject>[1], Verify][] = [
  ['standardwebhooks-javascript', [], (project, input) => project.run('node', ['main.js'], { input })],
  [
    'standardwebhooks-python',
    ['python'],
    (project, input) => project.run('.venv/bin/python', ['main.py'], { input }),
  ],
  ['standardwebhooks-go', ['go'], (project, input) => project.run('go', ['run', '.'], { input })],
  ['svix-javascript', [], (project, input) => project.run('node', ['main.js'], { input })],
  [
    'standardwebhooks-rust',
    ['rust'],
    (project, input) => project.run('cargo', ['run', '--locked', '--quiet'], { input }),
  ],
]

for (const [name, toolchains, verify] of libraries)
  describeProject(name, toolchains, (project) => {
    it.each([
      ['that the service made', undefined],
      ['that the subscriber chose', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    ])('verifies a webhook by a secret %s, and refuses a changed one', async (_, secret) => {
      const { type, received } = await receiveWebhook(secret)
      expect(await verify(project, received)).toBe(`${type}\nrefused\n`)
    })
  })
