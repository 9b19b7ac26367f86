/** Certificates for endpoints, by an authority of the test's own, made with the machine's openssl. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Certificate {
  key: string
  cert: string
}

export interface Authority {
  /** Where its own certificate is, for NODE_EXTRA_CA_CERTS and EGRESS_CA_FILE. */
  path: string
  /** The same, as it is there. */
  ca: string
  /** @param days from now until it ends; less than 0 for one that has ended. */
  issue(hostname: string, days?: number): Certificate
}

export function createAuthority(directory: string): Authority {
  const file = (name: string) => join(directory, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

  const authority = ['-keyout', file('ca.key'), '-out', file('ca.pem')]
  openssl('req', '-x509', ...newKey, ...authority, '-days', '2', '-subj', '/CN=An authority of the tests')
  let issued = 0

  return {
    path: file('ca.pem'),
    ca: readFileSync(file('ca.pem'), 'utf8'),
    issue(hostname, days = 2) {
      issued += 1
      const [key, request, extensions] = ['key', 'csr', 'ext'].map((kind) => file(`${issued}.${kind}`)) as [
        string,
        string,
        string,
      ]
      openssl('req', ...newKey, '-keyout', key, '-out', request, '-subj', `/CN=${hostname}`)
      writeFileSync(extensions, `subjectAltName=DNS:${hostname}`)
      const by = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-set_serial', String(issued)]
      const cert = openssl('x509', '-req', '-in', request, ...by, '-days', `${days}`, '-extfile', extensions)
      return { key: readFileSync(key, 'utf8'), cert: cert.toString() }
    },
  }
}

/** A certificate that nobody vouches for. */
export function selfSigned(directory: string, hostname: string): Certificate {
  const [key, cert] = [join(directory, 'self.key'), join(directory, 'self.pem')]
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key]
  const subject = ['-subj', `/CN=${hostname}`, '-addext', `subjectAltName=DNS:${hostname}`]
  execFileSync('openssl', ['req', '-x509', ...newKey, '-out', cert, '-days', '2', ...subject], {
    stdio: 'pipe',
  })
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}
