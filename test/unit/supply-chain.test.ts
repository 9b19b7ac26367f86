/** How the dependencies are held, and what the container may do: what SECURITY.md says of them. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

interface Package {
  version: string
  integrity?: string
  resolved?: string
  link?: boolean
  hasInstallScript?: boolean
}

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
const manifest = JSON.parse(read('package.json'))
const { '': root, ...locked } = JSON.parse(read('package-lock.json')).packages as Record<string, Package>
const packages = Object.entries(locked)

const EXACT = /^\d+\.\d+\.\d+(-[\w.-]+)?$/

describe('the dependencies', () => {
  it('are asked for by exact versions, and the lock file is that of the manifest', () => {
    for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies'] as const) {
      expect(root).toMatchObject({ [kind]: manifest[kind] })
      for (const version of Object.values(manifest[kind])) expect(version).toMatch(EXACT)
    }
    for (const version of Object.values(manifest.overrides)) expect(version).toMatch(EXACT)
  })

  it('are locked to an exact version, from no place but the registry that npm is set to', () => {
    expect(packages.length).toBeGreaterThan(100)
    const isLoose = ({ version, link, resolved }: Package) => !EXACT.test(version) || link || resolved
    expect(packages.filter(([, each]) => isLoose(each))).toEqual([])
  })

  it('are locked to their content, binaries of other platforms too', () => {
    const unchecked = packages.filter(([, { integrity = '' }]) => !/^sha512-[\w+/]{86}==$/.test(integrity))
    expect(unchecked).toEqual([])
  })

  it('run no script of their own but those that were allowed', () => {
    const withScripts = packages.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)
    const names = withScripts.map((path) => path.replace(/^.*node_modules\//, ''))
    const decided = Object.keys(manifest.allowScripts)
    expect(names.filter((name) => !decided.includes(name))).toEqual([])
  })
})

describe('the container', () => {
  it('runs as a user who is not root, with what npm ci checked, and no script of a dependency', () => {
    const dockerfile = read('Dockerfile')
    const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '))
    expect(last).toMatch(/^USER 1000:1000$/m)
    expect(last.indexOf('USER 1000')).toBeLessThan(last.indexOf('\nCMD '))
    for (const [line] of dockerfile.matchAll(/^RUN npm .*(install|ci).*$/gm)) {
      expect(line).toMatch(/^RUN npm ci .*--ignore-scripts/)
    }
    expect(dockerfile).toMatch(/npm ci --omit=dev --omit=optional/)
  })

  it('has a root file system that it can only read, no capabilities, and no way to more', () => {
    const compose = read('docker-compose.yml')
    const service = compose.slice(compose.indexOf('x-service:'), compose.indexOf('x-environment:'))
    expect(service).toMatch(/^ {2}read_only: true$/m)
    expect(service).toMatch(/^ {2}cap_drop: \[ALL\]$/m)
    for (const name of ['api', 'worker', 'migrate']) {
      expect(compose).toMatch(new RegExp(`^  ${name}:\\n    <<: \\*service$`, 'm'))
    }
    expect(compose.match(/security_opt: \['no-new-privileges:true'\]/g)).toHaveLength(3)
    expect(compose).not.toMatch(/privileged: true|cap_add|docker\.sock|network_mode: host/)
  })
})
