/** The client verifies webhooks: what the service sends, the published reference values, and nothing else. */
import { describe, expect, it } from 'vitest'
import { type VerifyWebhookOptions, verifyWebhook, WebhookVerificationError } from '../../src/client/index.js'
import { event, setUpClients, type } from '../support/graphql-client.js'
import { startReceiver } from '../support/receiver.js'
import { webhookReference } from '../support/webhook-reference.js'

const { start, use } = setUpClients()

describe('verifyWebhook', () => {
  const outcomeOf = (changes: Partial<VerifyWebhookOptions>) =>
    verifyWebhook({ ...webhookReference, ...changes }).catch((error) =>
      error instanceof WebhookVerificationError ? error.code : error,
    )
  const withHeader = (name: string, value: string) => ({
    headers: { ...webhookReference.headers, [name]: value },
  })

  it('takes what was really delivered, with either secret while one replaces the other', async () => {
    const client = await start()
    const receiver = use(await startReceiver())
    const created = await client.createSubscription({ endpointUrl: receiver.url, eventTypes: [type] })
    const { event: published } = await client.publishEvent({ ...event, metadata: { source: 'test' } })
    await expect.poll(() => receiver.requests.length).toBe(1)
    const [{ headers, body }] = receiver.requests as [(typeof receiver.requests)[0]]
    const expected = {
      id: published.id,
      type,
      createdAt: published.createdAt,
      payload: { data: event.data, metadata: { source: 'test' } },
    }
    expect(await verifyWebhook({ secret: created.secret, headers, body })).toEqual(expected)
    const asBytes = { headers: new Headers(headers as never), body: Buffer.from(body) }
    expect(await verifyWebhook({ secrets: ['another', created.secret], ...asBytes })).toEqual(expected)

    const secret = 'a secret of the receiver, long enough'
    await client.updateSubscription(created.subscription.id, { secret })
    await client.publishEvent(event)
    await expect.poll(() => receiver.requests.length).toBe(2)
    const { headers: newHeaders, body: newBody } = receiver.requests[1] as (typeof receiver.requests)[0]
    for (const valid of [secret, created.secret]) {
      const verified = await verifyWebhook({ secret: valid, headers: newHeaders, body: newBody })
      expect(verified.type).toBe(type)
    }
  })

  it('agrees with the reference values of Standard Webhooks', async () => {
    expect(await outcomeOf({})).toEqual({ test: 2432232314 })
    expect(await outcomeOf({ headers: new Headers(webhookReference.headers) })).toEqual({ test: 2432232314 })
    const signature = `v1,AAAA v2,xyz ${webhookReference.headers['webhook-signature']}`
    expect(await outcomeOf(withHeader('webhook-signature', signature))).toEqual({ test: 2432232314 })
  })

  it.each([
    ['a body that was changed', { body: '{"test": 2432232315}' }],
    ['another secret', { secret: 'whsec_AAAA' }],
    ['another id', withHeader('webhook-id', 'msg_other')],
    ['another time', withHeader('webhook-timestamp', '1614265331')],
    ['another scheme', withHeader('webhook-signature', 'v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')],
    ['a signature cut short', withHeader('webhook-signature', 'v1,g0hM')],
  ] as const)('refuses %s', async (_what, changes) => {
    expect(await outcomeOf(changes)).toBe('BAD_SIGNATURE')
  })

  it('refuses what is too old, or ahead of the clock, and says so', async () => {
    const at = (seconds: number, toleranceSeconds?: number) =>
      outcomeOf({
        now: new Date((1614265330 + seconds) * 1000),
        ...(toleranceSeconds !== undefined && { toleranceSeconds }),
      })
    expect(await Promise.all([at(301), at(-301), at(11, 10)])).toEqual(Array(3).fill('STALE_TIMESTAMP'))
    expect(await Promise.all([at(300), at(-300)])).toEqual([{ test: 2432232314 }, { test: 2432232314 }])
    await expect(verifyWebhook({ ...webhookReference, now: new Date() })).rejects.toThrow(
      /s old; at most 300 s/,
    )
  })

  it('refuses headers that are missing or make no sense', async () => {
    for (const name of Object.keys(webhookReference.headers)) {
      expect(await outcomeOf({ headers: { ...webhookReference.headers, [name]: undefined } })).toBe(
        'MISSING_HEADER',
      )
    }
    expect(await outcomeOf(withHeader('webhook-timestamp', '1614265330.5'))).toBe('BAD_TIMESTAMP')
  })

  it('takes no empty secret, which would sign for anybody', async () => {
    expect(await outcomeOf({ secret: '' })).toBeInstanceOf(TypeError)
    expect(await outcomeOf({ secret: 'whsec_' })).toBeInstanceOf(TypeError)
  })

  it('asks for the raw body when it is given a parsed one', async () => {
    const parsed = { test: 2432232314 } as never
    expect(await outcomeOf({ body: parsed })).toMatchObject({
      message: expect.stringMatching(/the raw body/),
    })
  })
})
