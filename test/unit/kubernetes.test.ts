/** The manifest of docs/operating/kubernetes.yaml: what it says of this service is so. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { loadConfig, settingNames } from '../../src/config.js'

interface Container {
  name: string
  command?: string[]
  env?: { name: string; value: string }[]
  envFrom: { configMapRef?: { name: string }; secretRef?: { name: string } }[]
  volumeMounts?: { name: string; mountPath: string; subPath?: string }[]
}

interface Pod {
  shareProcessNamespace?: boolean
  terminationGracePeriodSeconds?: number
  securityContext: { runAsUser: number }
  containers: [Container]
  volumes?: { name: string; secret?: { secretName: string } }[]
}

interface Resource {
  kind: string
  metadata: { name: string }
  data?: Record<string, string>
  spec?: {
    selector?: { matchLabels?: Record<string, string> }
    template?: { metadata?: { labels: Record<string, string> }; spec: Pod }
  }
}

const documents = parseAllDocuments(readFileSync('docs/operating/kubernetes.yaml', 'utf8'))
const resources = documents.map((document) => document.toJS() as Resource)
const byKind = (kind: string) => resources.filter((resource) => resource.kind === kind)
const podOf = (resource: Resource) => resource.spec?.template?.spec as Pod
const settings = byKind('ConfigMap')[0]?.data ?? {}
const pods = [...byKind('Job'), ...byKind('Deployment')].map((resource) => podOf(resource))

/** What the secret of the page's command holds. */
const ofSecret = [
  ...readFileSync('docs/operating/kubernetes.md', 'utf8').matchAll(/--from-literal=([A-Z_]+)=/g),
]
const secretNames = ofSecret.map(([, name = '']) => name)

describe('the manifest for Kubernetes', () => {
  it('is YAML, and each of its documents is of another name', () => {
    expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([])
    const names = resources.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
    expect(new Set(names).size).toBe(names.length)
    expect(names).toHaveLength(7)
  })

  it('sets what is a setting', () => {
    const ofPods = pods.flatMap(({ containers: [{ env = [] }] }) => env.map(({ name }) => name))
    const names = [...Object.keys(settings), ...secretNames, ...ofPods]
    expect(secretNames).toContain('DATABASE_URL')
    expect(names.filter((name) => !settingNames.includes(name))).toEqual([])
  })

  it('has the settings that each role starts with', () => {
    const secret = { DATABASE_URL: 'postgres://u@db/hooks', REDIS_URL: 'redis://redis' }
    for (const deployment of byKind('Deployment')) {
      const [{ env = [] }] = podOf(deployment).containers
      const own = Object.fromEntries(env.map(({ name, value }) => [name, value]))
      // The file is there in the pod only.
      const given = {
        NODE_ENV: 'production',
        ...settings,
        ...secret,
        ...own,
        API_KEYS_FILE: '',
        API_KEYS: 'a-key-of-enough-length',
      }
      expect(loadConfig(given).role).toBe(deployment.metadata.name.replace('node-event-service-', ''))
    }
  })

  it('gives a stop the time that it needs, and somebody who hands on the signal', () => {
    for (const deployment of byKind('Deployment')) {
      const { terminationGracePeriodSeconds, shareProcessNamespace } = podOf(deployment)
      expect(terminationGracePeriodSeconds).toBe(Number(settings.SHUTDOWN_GRACE_SECONDS) + 27)
      expect(shareProcessNamespace).toBe(true)
    }
  })

  it('mounts the keys where API_KEYS_FILE looks, as a folder that is written anew', () => {
    for (const deployment of byKind('Deployment')) {
      const { volumes = [], containers } = podOf(deployment)
      const mount = containers[0].volumeMounts?.find(({ name }) => name === 'keys')
      expect(`${mount?.mountPath}/keys`).toBe(settings.API_KEYS_FILE)
      expect(mount?.subPath).toBeUndefined()
      expect(volumes.find(({ name }) => name === 'keys')?.secret?.secretName).toBe('node-event-service-keys')
    }
  })

  it('runs as the user of the image, and selects its own pods', () => {
    const [, user] = /^USER (\d+)/m.exec(readFileSync('Dockerfile', 'utf8')) ?? []
    expect(pods.map(({ securityContext }) => String(securityContext.runAsUser))).toEqual(Array(3).fill(user))
    const labels = byKind('Deployment').map(({ spec }) => spec?.template?.metadata?.labels)
    for (const { spec } of [...byKind('Deployment'), ...byKind('PodDisruptionBudget')])
      expect(labels).toContainEqual(spec?.selector?.matchLabels)
    expect(labels).toContainEqual(byKind('Service')[0]?.spec?.selector)
  })
})
