/** Reads a Dockerfile, as far as ours goes: what it does not know is an error, so that nothing is passed over. */

/** `RUN npm ci` is `{ name: 'RUN', value: 'npm ci' }`. */
export interface Instruction {
  name: string
  value: string
}

export interface Stage {
  /** What it begins from: an image, or an earlier stage. */
  from: string
  name: string | undefined
  instructions: Instruction[]
}

const known = ['WORKDIR', 'COPY', 'RUN', 'ENV', 'USER', 'EXPOSE', 'HEALTHCHECK', 'STOPSIGNAL', 'CMD']

export function parseDockerfile(text: string): Stage[] {
  const stages: Stage[] = []
  const lines = text.replace(/^#.*\n/gm, '').replace(/\\\n\s*/g, '')
  for (const line of lines.split('\n').filter((each) => each.trim() !== '')) {
    const [, name = '', value = ''] = /^(\w+) (.*)$/.exec(line) ?? []
    if (name === 'FROM') {
      const [, from = '', stage] = /^(\S+)(?: AS (\S+))?$/.exec(value) ?? []
      stages.push({ from, name: stage, instructions: [] })
      continue
    }
    if (!known.includes(name)) throw new Error(`Not known to the build by hand: ${line}`)
    stages.at(-1)?.instructions.push({ name, value })
  }
  return stages
}

/** What a container is started with. */
export interface ImageConfig {
  environment: Record<string, string>
  workingDirectory: string
  /** Number of user and group: names belong to the base image. */
  user: { uid: number; gid: number }
  command: string[]
  stopSignal: NodeJS.Signals
  healthcheck: string[]
}

/** Of all instructions that lead to an image, those of its base stages first. */
export function imageConfig(instructions: Instruction[]): ImageConfig {
  const last = (name: string) => {
    const value = instructions.findLast((each) => each.name === name)?.value
    if (value === undefined) throw new Error(`The Dockerfile has no ${name}`)
    return value
  }
  const variables = instructions
    .filter(({ name }) => name === 'ENV')
    .flatMap(({ value }) => value.split(' ').map((pair) => pair.split('=') as [string, string]))
  const [uid, gid] = last('USER').split(':').map(Number)
  if (!uid || !gid) throw new Error('USER must be numbers of a user and a group that are not root')
  return {
    environment: Object.fromEntries(variables),
    workingDirectory: last('WORKDIR'),
    user: { uid, gid },
    command: JSON.parse(last('CMD')),
    stopSignal: last('STOPSIGNAL') as NodeJS.Signals,
    healthcheck: JSON.parse(last('HEALTHCHECK').replace(/^.*?CMD /, '')),
  }
}
