import { defineConfig } from 'prisma/config'

// `prisma generate` never runs the schema engine, yet the CLI downloads it unless one is named. Naming a
// program that fails keeps every command that would need it from seeming to work: migrations are applied by
// `npm run migrate`, with the engine's WebAssembly build from the npm registry.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= '/bin/false'

export default defineConfig({ schema: 'prisma/schema.prisma', migrations: { path: 'prisma/migrations' } })
