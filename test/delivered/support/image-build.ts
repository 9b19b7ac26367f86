/** Carries out the Dockerfile without Docker: the same commands in the same order, a folder for each stage. */
import { execFileSync } from 'node:child_process'
import { cp, mkdir, readFile, stat } from 'node:fs/promises'
import { basename, join, posix } from 'node:path'
import { type NodeMajor, provideNode, withNode } from '../../support/node-release.js'
import { type ImageConfig, type Instruction, imageConfig, parseDockerfile, type Stage } from './dockerfile.js'

export interface Image extends ImageConfig {
  /** Holds what the Dockerfile adds to its base image, at the paths that it has in a container. */
  root: string
  /** The folder with the base image's Node.js. */
  nodeBin: string
}

/** @param directory for the stages; empty, and removed by whoever made it */
export async function buildImage(directory: string): Promise<Image> {
  const stages = parseDockerfile(await readFile('Dockerfile', 'utf8'))
  const mayCopy = allowedBy(await readFile('.dockerignore', 'utf8'))
  const built = new Map<string, { root: string; instructions: Instruction[]; nodeBin: string }>()

  async function build({ from, name, instructions }: Stage, index: number) {
    const root = join(directory, name ?? `stage-${index}`)
    const base = built.get(from)
    await mkdir(root, { recursive: true })
    if (base) await cp(base.root, root, { recursive: true, verbatimSymlinks: true })
    const nodeBin = base?.nodeBin ?? (await provideNode(majorOf(from)))
    const all = [...(base?.instructions ?? []), ...instructions]
    let workingDirectory = base?.instructions.findLast((each) => each.name === 'WORKDIR')?.value ?? '/'
    for (const instruction of instructions) {
      if (instruction.name === 'WORKDIR') workingDirectory = instruction.value
      await mkdir(join(root, workingDirectory), { recursive: true })
      if (instruction.name === 'COPY') await copy(instruction.value, root, workingDirectory)
      if (instruction.name === 'RUN') run(instruction.value, root, workingDirectory, nodeBin)
    }
    const result = { root, instructions: all, nodeBin }
    if (name !== undefined) built.set(name, result)
    return result
  }

  /** As Docker copies: a folder's content, and a file into what ends with a slash. */
  async function copy(value: string, root: string, workingDirectory: string): Promise<void> {
    const words = value.split(' ')
    const stage = words[0]?.startsWith('--from=') ? words.shift()?.slice('--from='.length) : undefined
    const target = posix.resolve(workingDirectory, words.at(-1) as string)
    for (const source of words.slice(0, -1)) {
      if (stage === undefined && !mayCopy(source)) throw new Error(`.dockerignore leaves out ${source}`)
      const path = stage === undefined ? source : join(built.get(stage)?.root as string, source)
      const isIntoFolder = words.at(-1)?.endsWith('/') && !(await stat(path)).isDirectory()
      const to = join(root, target, isIntoFolder ? basename(source) : '')
      await cp(path, to, { recursive: true, verbatimSymlinks: true })
    }
  }

  let last: Awaited<ReturnType<typeof build>> | undefined
  for (const [index, stage] of stages.entries()) last = await build(stage, index)
  if (last === undefined) throw new Error('The Dockerfile has no stage')
  return { ...imageConfig(last.instructions), root: last.root, nodeBin: last.nodeBin }
}

/** Absolute paths are those of the image: they are looked for below its root. */
function run(command: string, root: string, workingDirectory: string, nodeBin: string): void {
  const placed = command.replace(/(?<= )\/(?=app|tmp)/g, `${root}/`)
  execFileSync('sh', ['-c', placed], {
    cwd: join(root, workingDirectory),
    env: withNode(nodeBin),
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}

function majorOf(baseImage: string): NodeMajor {
  const major = /^node:(\d+)-/.exec(baseImage)?.[1]
  if (major === undefined) throw new Error(`Not an image of Node.js: ${baseImage}`)
  return Number(major) as NodeMajor
}

/** Ours leaves out everything but what it names. */
function allowedBy(dockerignore: string): (path: string) => boolean {
  const [first, ...rest] = dockerignore.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const isOurs = first === '*' && rest.every((line) => /^![^*]+$/.test(line))
  if (!isOurs) throw new Error('.dockerignore must leave out everything (*) but what it names (!name)')
  const named = rest.map((line) => line.slice(1))
  return (path) => named.some((name) => path === name || path.startsWith(`${name}/`))
}
