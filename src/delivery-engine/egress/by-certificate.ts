/**
 * Connections by the client certificate that they show. Each certificate has connections of its own, so no exchange
 * goes out under the name of another subscription. They are closed when nothing has used them for a while, and when
 * there are too many certificates: first those that were not used for the longest time.
 */
import { type Connections, type ConnectionsOptions, createConnections } from './connections.js'
import { type ConnectorOptions, createGuardedConnector } from './connector.js'
import { directEgress } from './egress-settings.js'
import type { ClientCertificate } from './trust.js'

export interface ConnectionsByCertificate extends AsyncDisposable {
  /**
   * Connections that show this certificate, and not that of the settings. Without one, those that most subscriptions
   * share. To be used at once: they may be closed later.
   *
   * @throws Error when the certificate can't be used
   */
  showing(certificate?: ClientCertificate): Connections
}

export interface ConnectionsByCertificateOptions
  extends ConnectorOptions,
    Omit<ConnectionsOptions, 'connect'> {
  maxCertificates?: number
  unusedMs?: number
}

const MAX_CERTIFICATES = 200
const UNUSED_MS = 60_000

export function createConnectionsByCertificate(
  options: ConnectionsByCertificateOptions,
): ConnectionsByCertificate {
  const { maxCertificates = MAX_CERTIFICATES, unusedMs = UNUSED_MS } = options
  const { egress = directEgress } = options
  const open = (changes: ConnectorOptions) =>
    createConnections({ ...options, connect: createGuardedConnector(changes) })
  const shared = open(options)
  /** The least recently used first. The key of a certificate is part of the name: only its owner has it. */
  const own = new Map<string, { connections: Connections; unused: NodeJS.Timeout }>()
  const closing = new Set<Connections>()

  function close(name: string): void {
    const entry = own.get(name)
    if (entry === undefined) return
    own.delete(name)
    clearTimeout(entry.unused)
    closing.add(entry.connections)
    void entry.connections.close().finally(() => closing.delete(entry.connections))
  }

  return {
    showing(certificate) {
      if (certificate === undefined) return shared
      const name = certificate.key + certificate.cert
      const entry = own.get(name) ?? {
        connections: open({ ...options, egress: { ...egress, clientCertificate: certificate } }),
        unused: setTimeout(() => close(name), unusedMs).unref(),
      }
      own.delete(name)
      own.set(name, entry)
      entry.unused.refresh()
      if (own.size > maxCertificates) close(own.keys().next().value as string)
      return entry.connections
    },
    async [Symbol.asyncDispose]() {
      for (const { unused } of own.values()) clearTimeout(unused)
      const kept = [...own.values()].map(({ connections }) => connections)
      await Promise.all([shared, ...kept, ...closing].map((each) => each[Symbol.asyncDispose]()))
    },
  }
}
