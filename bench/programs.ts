/**
 * The programs of a run, each in a process of its own. They are compiled to plain JavaScript first: what
 * translates TypeScript as it loads costs the process time and memory, and the service doesn't pay for that either.
 */
import { fork } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import ts from 'typescript'
import { endProcess } from '../test/support/child-process.js'
import type { Commands, Reply, Request } from './commands.js'

export interface Program<Served extends Commands> extends AsyncDisposable {
  pid: number
  call<Name extends keyof Served & string>(
    name: Name,
    ...argument: Parameters<Served[Name]>
  ): Promise<Awaited<ReturnType<Served[Name]>>>
}

export interface Programs extends AsyncDisposable {
  /** @param file as it is called beside this one, without its ending */
  start<Served extends Commands>(file: string): Program<Served>
}

export async function compilePrograms(): Promise<Programs> {
  const directory = await compile()
  return {
    start: (file) => startProgram(join(directory, `${file}.js`)),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

/** Compiles into a folder from which Node.js finds the packages. @returns the path of the folder */
async function compile(): Promise<string> {
  const cache = join(import.meta.dirname, '../node_modules/.cache')
  await mkdir(cache, { recursive: true })
  const directory = await mkdtemp(join(cache, 'bench-'))
  const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 }
  for (const file of await readdir(import.meta.dirname)) {
    if (!file.endsWith('.ts')) continue
    const source = await readFile(join(import.meta.dirname, file), 'utf8')
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: { ...options, verbatimModuleSyntax: true },
    })
    await writeFile(join(directory, file.replace(/ts$/, 'js')), outputText)
  }
  await writeFile(join(directory, 'package.json'), '{"type":"module"}')
  return directory
}

function startProgram<Served extends Commands>(path: string): Program<Served> {
  const child = fork(path, { execArgv: [], serialization: 'advanced', env: { NODE_ENV: 'production' } })
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>()
  let calls = 0

  child.on('message', (reply: Reply) => {
    const call = waiting.get(reply.id)
    waiting.delete(reply.id)
    if ('error' in reply) call?.reject(new Error(reply.error))
    else call?.resolve(reply.result)
  })
  child.on('exit', (code, signal) => {
    for (const { reject } of waiting.values())
      reject(new Error(`${path} ended by ${signal ?? `code ${code}`}`))
  })

  return {
    pid: child.pid as number,
    call(name, ...[argument]) {
      const id = calls++
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve: resolve as (result: unknown) => void, reject })
        // To a program that has ended nothing can be sent.
        child.send({ id, name, argument } satisfies Request, (error) => error && reject(error))
      })
    },
    [Symbol.asyncDispose]: () => endProcess(child, 'SIGKILL'),
  }
}
