/** Which endpoint URLs a subscription may have, and which spellings are the same. */
import { describe, expect, it } from 'vitest'
import { expectProblem } from '../support/problem.js'
import { startTestService } from '../support/service.js'
import { setUpSubscriptions } from '../support/subscriptions.js'

const { use, some, create, patch, created } = setUpSubscriptions()

describe('endpointUrl', () => {
  it.each([
    ['https://example.com:8443/a/b?c=d'],
    ['http://93.184.215.14/'],
    ['http://[2606:4700:4700::1111]/'],
    ['http://example.com', 'http://example.com/'],
    ['https://münchen.example/', 'https://xn--mnchen-3ya.example/'],
    ['HTTPS://Example.com:443/./a/../b?#fragment', 'https://example.com/b?'],
    [' https://example.com/c ', 'https://example.com/c'],
  ])('may be %j, and is kept as the URL standard writes it', async (endpointUrl, kept = endpointUrl) => {
    expect((await created({ endpointUrl })).endpointUrl).toBe(kept)
  })

  it('that is spelled in another way is the same endpoint', async () => {
    const plain = some({ endpointUrl: 'http://example.com/same', eventTypes: ['spelled'] })
    expect((await create(plain)).status).toBe(201)
    for (const endpointUrl of [
      'HTTP://Example.com:80/same',
      'http://example.com/./same#a',
      ' http:/\\example.com/same',
    ])
      expectProblem(await create({ ...plain, endpointUrl }), 409)
  })

  it('may not name port 0', async () => {
    expectProblem(await create(some({ endpointUrl: 'https://example.com:0/hook' })), 400, 'endpointUrl')
  })

  it.each([
    [''],
    ['example.com/hook'],
    ['/hook'],
    ['ftp://example.com/'],
    ['file:///etc/passwd'],
    ['javascript:alert(1)'],
    ['http://'],
    ['https://exa mple.com/'],
    ['https://example.com/\0'],
    ['https://user@example.com/'],
    ['https://user:password@example.com/'],
    ['https://:password@example.com/'],
    [`https://example.com/${'a'.repeat(2048)}`],
    [1],
    [null],
  ])('must not be %j', async (endpointUrl) => {
    expectProblem(await create(some({ endpointUrl })), 400, 'endpointUrl')
  })

  it.each([
    'http://10.0.0.1',
    'http://192.168.1.1:8080/',
    'http://172.16.0.1/',
    'http://127.0.0.1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://100.64.0.1/',
    'http://0.0.0.0/',
    'http://0/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
    'http://127.1/',
    'http://[::1]',
    'http://[::]/',
    'http://[fe80::1]/',
    'http://[fd00::1]/',
    'http://[::ffff:10.0.0.1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://localhost:3000/',
    'http://LOCALHOST./',
    'http://a.localhost/',
    'http://①②⑦.0.0.1/',
  ])('is refused where it is plainly not public: %s', async (endpointUrl) => {
    const answer = await create(some({ endpointUrl }))
    expectProblem(answer, 400, 'endpointUrl')
    expect(answer.body.detail).toContain('DELIVERY_ALLOWED_CIDRS')
    const { id } = await created()
    expectProblem(await patch(id, { endpointUrl }), 400, 'endpointUrl')
  })

  it('may be one that DELIVERY_ALLOWED_CIDRS opens', async () => {
    const open = use(await startTestService('postgres', { DELIVERY_ALLOWED_CIDRS: '10.0.0.0/8,::1/128' }))
    const createThere = (endpointUrl: string) => open.api.post('/v1/subscriptions', some({ endpointUrl }))
    expect((await createThere('http://10.1.2.3/')).status).toBe(201)
    expect((await createThere('http://[::1]/')).status).toBe(201)
    expectProblem(await createThere('http://192.168.0.1/'), 400, 'endpointUrl')
  })
})
