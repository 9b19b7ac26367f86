/** Prisma's schema engine as WebAssembly, instantiated by hand: Node 20 can't import a `.wasm` file. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
import type { SchemaEngine } from '@prisma/schema-engine-wasm'
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg'
import pg from 'pg'

const require = createRequire(import.meta.url)

/** What wasm-bindgen's glue has beside what its types say. */
interface Glue {
  __wbg_set_wasm(exports: Exports): void
}

interface Exports {
  __wbindgen_start(): void
}

/** Node's types leave this part of the language to the browser's. */
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    instantiate(
      wasm: Uint8Array,
      imports: Record<string, object>,
    ): Promise<{ instance: { exports: Exports } }>
  }
}

export interface SchemaEngineOptions {
  /** The engine wants a connection even for what needs none. */
  databaseUrl: string
  /** The data model, where it is about one. */
  schema?: string
}

export async function withSchemaEngine<Result>(
  { databaseUrl, schema }: SchemaEngineOptions,
  work: (engine: SchemaEngine) => Promise<Result>,
): Promise<Result> {
  await instantiate()
  // A pool of ours, because the engine leaves its connections open.
  const pool = new pg.Pool({ connectionString: databaseUrl })
  try {
    const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg(pool))
    const models: [string, string][] | undefined = schema ? [['schema.prisma', schema]] : undefined
    const engine = await bindings.SchemaEngine.new({ datamodels: models }, () => {}, adapter)
    try {
      return await work(engine)
    } finally {
      engine.free()
    }
  } finally {
    await pool.end()
  }
}

let instantiated: Promise<void> | undefined

function instantiate(): Promise<void> {
  instantiated ??= (async () => {
    const path = require.resolve('@prisma/schema-engine-wasm/schema_engine_bg')
    const wasm = await readFile(path.replace(/\.js$/, '.wasm'))
    const imports = { './schema_engine_bg.js': withPatientTimers(bindings) }
    const { instance } = await WebAssembly.instantiate(wasm, imports)
    const glue = bindings as unknown as Glue
    glue.__wbg_set_wasm(instance.exports)
    instance.exports.__wbindgen_start()
  })()
  return instantiated
}

/** The engine's imports, with timers that keep no process alive: it leaves one of ten seconds behind. */
function withPatientTimers(imports: object): object {
  const [name] = Object.keys(imports).filter((key) => key.startsWith('__wbg_setTimeout_'))
  const start = (callback: () => void, delayMs: number) => setTimeout(callback, delayMs >>> 0).unref()
  return name === undefined ? imports : { ...imports, [name]: start }
}
