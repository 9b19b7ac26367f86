/** What tests of an outgoing proxy share: senders that use one, endpoints behind it, and an authority for both. */
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect } from 'vitest'
import type { Sender, SenderOptions } from '../../src/delivery-engine/attempt/sender.js'
import { NameLookupError } from '../../src/delivery-engine/dns/name-lookup-error.js'
import { createEgressGuard } from '../../src/delivery-engine/egress/egress-guard.js'
import { readEgress } from '../../src/delivery-engine/egress/egress-settings.js'
import { createResources } from '../../src/platform/resources.js'
import { type AttemptSetup, LONG_MS, ok, setUpAttempts } from './attempts.js'
import { type Authority, createAuthority } from './certificates.js'
import { type ConnectProxy, type ConnectProxyOptions, startConnectProxy } from './connect-proxy.js'
import { answer } from './hostile-endpoint.js'
import { namesFrom } from './names.js'
import { temporaryDirectory } from './process.js'

/** As they stand in a URL; the proxy gets `user:p@ss`. */
export const CREDENTIALS = 'user:p%40ss'

export const okWithoutBody = ok('content-length: 0')

export interface ProxySetup extends Pick<AttemptSetup, 'use' | 'startEndpoint'> {
  /** Of the whole file. */
  directory(): string
  authority(): Authority
  /** @param names what the service's own resolver knows, besides localhost */
  startSender(settings: Record<string, string>, names?: Record<string, string[]>, timeoutMs?: number): Sender
  /** A sender of any parts. */
  startSenderOf(parts: Partial<SenderOptions>): Sender
  startProxy(options?: ConnectProxyOptions): Promise<ConnectProxy>
  /** An endpoint of https, and the server names that it was asked for. */
  startTls(): Promise<{ url: string; names: (string | false | null | undefined)[] }>
}

/** To be called once in a test file, outside of its tests. */
export function setUpOutgoingProxy(): ProxySetup {
  const { use, startSender, startEndpoint } = setUpAttempts()
  const wholeFile = createResources()
  let directory: string
  let authority: Authority
  beforeAll(() => {
    directory = wholeFile.use(temporaryDirectory()).path
    authority = createAuthority(directory)
  })
  afterAll(() => wholeFile[Symbol.asyncDispose]())

  return {
    ...{ use, startEndpoint, startSenderOf: startSender },
    directory: () => directory,
    authority: () => authority,
    startSender(settings, names = {}, timeoutMs = LONG_MS) {
      const { egress, problems } = readEgress({ EGRESS_CA_FILE: authority.path, ...settings })
      expect(problems).toEqual([])
      const known = namesFrom((name) => {
        const addresses = { localhost: ['127.0.0.1'], ...names }[name]
        if (addresses === undefined) throw new NameLookupError('ENOTFOUND', name)
        return addresses
      })
      const guard = createEgressGuard({ allowedCidrs: ['127.0.0.1/32'] })
      return startSender({ guard, names: known, timeoutMs, egress })
    },
    startProxy: async (options) => use(await startConnectProxy(options)),
    async startTls() {
      const names: (string | false | null | undefined)[] = []
      const endpoint = await startEndpoint((socket) => {
        names.push((socket as TLSSocket).servername)
        answer(okWithoutBody)(socket)
      }, authority.issue('hooks.test'))
      return { url: onHooksTest(endpoint.url), names }
    },
  }
}

/** The settings of a service that uses this proxy. */
export const through = ({ url }: { url: string }) => ({ EGRESS_PROXY_URL: url })
export const onHooksTest = (url: string) => url.replace(/127\.0\.0\.1|localhost/, 'hooks.test')
export const portOf = (url: string) => new URL(url).port
