/** Networks as containers have them: a bridge for each, and a network namespace for each container. Needs root. */
import { execFileSync } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'

export interface Networks extends AsyncDisposable {
  /** Makes a namespace that is in these networks, and returns its name. */
  join(container: string, names: string[]): string
  /** What `/etc/hosts` says in a container: the others in its networks, by name. */
  hostsFor(container: string): string
  /** Of a container, as this machine reaches it. */
  addressOf(container: string): string
  /** Of this machine, as containers in a network reach it. */
  gatewayOf(network: string): string
}

interface Member {
  container: string
  network: string
  address: string
}

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] })

export function createNetworks(names: string[]): Networks {
  if (process.getuid?.() !== 0) throw new Error('Networks and root folders of containers need root: sudo it')
  const id = randomBytes(3).toString('hex')
  const members: Member[] = []
  const namespaces = new Set<string>()
  let interfaces = 0

  const networks = new Map(
    names.map((name, index) => {
      const bridge = `nes${id}b${index}`
      // A block for private use (RFC 1918), in a corner of it that two runs seldom share.
      const prefix = `10.${randomInt(200, 250)}.${randomInt(1, 255)}`
      ip('link', 'add', bridge, 'type', 'bridge')
      ip('address', 'add', `${prefix}.1/24`, 'dev', bridge)
      ip('link', 'set', bridge, 'up')
      return [name, { bridge, prefix }] as const
    }),
  )
  function network(name: string) {
    const found = networks.get(name)
    if (found === undefined) throw new Error(`There is no network ${name}`)
    return found
  }

  function join(container: string, wanted: string[]): string {
    const namespace = `nes-${id}-${container}`
    ip('netns', 'add', namespace)
    namespaces.add(namespace)
    ip('-n', namespace, 'link', 'set', 'lo', 'up')
    for (const [index, name] of wanted.entries()) {
      const { bridge, prefix } = network(name)
      const [outside, inside] = [`nes${id}v${interfaces++}`, `eth${index}`]
      const address = `${prefix}.${members.length + 2}`
      ip('link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', namespace)
      ip('link', 'set', outside, 'master', bridge, 'up')
      ip('-n', namespace, 'address', 'add', `${address}/24`, 'dev', inside)
      ip('-n', namespace, 'link', 'set', inside, 'up')
      members.push({ container, network: name, address })
    }
    return namespace
  }

  return {
    join,
    hostsFor(container) {
      const own = members.filter((member) => member.container === container)
      const others = members.filter(({ network }) => own.some((each) => each.network === network))
      return `127.0.0.1 localhost\n${others.map((each) => `${each.address} ${each.container}\n`).join('')}`
    },
    addressOf(container) {
      const member = members.find((each) => each.container === container)
      if (member === undefined) throw new Error(`${container} is in no network`)
      return member.address
    },
    gatewayOf: (name) => `${network(name).prefix}.1`,
    async [Symbol.asyncDispose]() {
      for (const namespace of namespaces) ip('netns', 'delete', namespace)
      for (const { bridge } of networks.values()) ip('link', 'delete', bridge)
    },
  }
}
