/** `docker compose up --wait` without Docker: the same networks, order, settings, commands and health checks. */
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createResources } from '../../../src/platform/resources.js'
import { type ComposeFile, type ComposeService, readComposeFile } from './compose-file.js'
import { type Container, startContainer } from './container.js'
import type { Image } from './image-build.js'
import { createNetworks, type Networks } from './networks.js'
import { serverImage } from './server-images.js'

export interface Composition extends AsyncDisposable {
  file: ComposeFile
  containers: Map<string, Container>
  networks: Networks
  /** What happened in which order: `postgres healthy`, `migrate completed`, … */
  events: string[]
}

export interface ComposeOptions {
  image: Image
  /** Stands for the project's folder, and holds the volumes; removed by whoever made it. */
  directory: string
  /** What `.env` or the shell would say, once it is known where this machine is reached. */
  environment(gateway: string): Record<string, string>
}

/** How often health is asked for while a container starts, as Docker's `start_interval`. */
const START_INTERVAL_MS = 500
const START_TIMEOUT_MS = 120_000

export async function composeUp({ image, directory, environment }: ComposeOptions): Promise<Composition> {
  const resources = createResources()
  const networks = resources.use(createNetworks(['default', 'data']))
  const file = await readComposeFile(environment(networks.gatewayOf('default')))
  const names = Object.keys(file.services)
  const namespaces = new Map(names.map((name) => [name, networks.join(name, service(name).networks)]))
  const containers = new Map<string, Container>()
  const events: string[] = []

  function service(name: string): ComposeService {
    const found = file.services[name]
    if (found === undefined) throw new Error(`docker-compose.yml has no service ${name}`)
    return found
  }

  const reached = new Map<string, Promise<void>>()
  /** Starts a service once what it depends on is there; resolves once it is healthy, or has ended well. */
  function reach(name: string): Promise<void> {
    const known = reached.get(name)
    if (known) return known
    const reaching = (async () => {
      await Promise.all(Object.keys(service(name).depends_on).map(reach))
      const container = resources.use(await start(name))
      containers.set(name, container)
      events.push(`${name} started`)
      if (isOneOff(name)) {
        const code = await container.ended
        if (code !== 0) throw new Error(`${name} ended with ${code}:\n${container.output.join('\n')}`)
        events.push(`${name} completed`)
      } else {
        await untilHealthy(container, healthTest(name))
        events.push(`${name} healthy`)
      }
    })()
    reached.set(name, reaching)
    return reaching
  }

  const isOneOff = (name: string) =>
    Object.values(file.services).some(
      ({ depends_on: needs }) => needs[name]?.condition === 'service_completed_successfully',
    )

  function healthTest(name: string): string[] {
    const { healthcheck } = service(name)
    const test = healthcheck && 'test' in healthcheck ? healthcheck.test : ['CMD', ...image.healthcheck]
    if (test[0] !== 'CMD') throw new Error(`Not known to the run by hand: a health check by ${test[0]}`)
    return test.slice(1)
  }

  async function start(name: string): Promise<Container> {
    const { command, environment: settings, tmpfs, volumes, ...rest } = service(name)
    const isOurs = rest.build !== undefined
    const base = isOurs ? ours(image) : serverImage(rest.image)
    const hostsFile = join(directory, `${name}.hosts`)
    await writeFile(hostsFile, networks.hostsFor(name))
    const mounts = await Promise.all(volumes.map((volume) => toMount(volume, base.user)))
    return startContainer({
      name,
      namespace: namespaces.get(name) as string,
      hostsFile,
      user: base.user,
      workingDirectory: base.workingDirectory,
      command: base.command(command ?? []),
      environment: { ...base.environment, ...settings },
      mounts: isOurs ? [...imageMounts(image), ...mounts] : mounts,
      tmpfs: tmpfs === undefined ? [] : [tmpfs],
      isReadOnly: rest.read_only,
      stopGraceMs: rest.stop_grace_period,
    })
  }

  async function toMount(volume: string, user: { uid: number; gid: number }) {
    const [source = '', to = '', mode] = volume.split(':')
    const isNamed = !source.startsWith('./')
    const from = join(directory, isNamed ? 'volumes' : '', source)
    await mkdir(from, { recursive: true })
    if (isNamed) await chown(from, user.uid, user.gid)
    return { from, to, isReadOnly: mode === 'ro' }
  }

  try {
    await chmod(directory, 0o755)
    await Promise.all(names.map(reach))
  } catch (error) {
    await resources[Symbol.asyncDispose]()
    throw error
  }
  return { file, containers, networks, events, [Symbol.asyncDispose]: resources[Symbol.asyncDispose] }
}

const ours = ({ command, ...image }: Image) => ({
  ...image,
  command: (given: string[]) => (given.length > 0 ? given : command),
})

/** What the image brings along, which nobody in the container can change. */
export const imageMounts = ({ root, nodeBin, workingDirectory }: Image) => [
  { from: join(dirname(nodeBin), 'node_modules/node'), to: '/opt/node', isReadOnly: true },
  { from: join(root, workingDirectory), to: workingDirectory, isReadOnly: true },
]

/** @throws Error with what it has printed, when it ends or stays unhealthy */
export async function untilHealthy(container: Container, test: string[]): Promise<void> {
  const until = performance.now() + START_TIMEOUT_MS
  const ended = container.ended.then((code) => ({ code, output: `ended with ${code}`, isOver: true }))
  for (;;) {
    const result = await Promise.race([container.exec(test), ended])
    if (!('isOver' in result) && result.code === 0) return
    if ('isOver' in result || performance.now() > until) {
      throw new Error(`${container.name} is not healthy: ${result.output}\n${container.output.join('\n')}`)
    }
    await sleep(START_INTERVAL_MS)
  }
}
