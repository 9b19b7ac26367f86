/**
 * Removes from a folder what the service never loads there: `node prune-image.mjs /app`, as the image is built.
 *
 * What is listed is what costs megabytes, and each rule says why nothing can miss it. `npm run test:image` shows
 * that nothing does. Licences stay.
 */
import { lstatSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

/** The root of a package, however deep it is installed. */
const PACKAGE = '^(?:.*/)?node_modules/(?:@[^/]+/)?[^/@]+/'
const PRISMA_RUNTIME = '^node_modules/@prisma/client/runtime/'

/** `path` is that of a file, from the folder that is pruned. */
export const rules = [
  {
    path: /\.map$/,
    because: 'Node.js reads source maps with --enable-source-maps only',
  },
  {
    path: /\.[cm]?tsx?$/,
    because: 'types and sources are for compilers, and Node.js strips no types below node_modules',
  },
  {
    path: new RegExp(`${PRISMA_RUNTIME}query_compiler_(?!fast_bg\\.postgresql\\.)`),
    because:
      'Prisma has a compiler of queries for each database in two sizes; the generated client names one',
  },
  {
    path: new RegExp(`${PRISMA_RUNTIME}query_compiler_.*\\.js$`),
    because: 'the generated client is an ES module, and names the .mjs',
  },
  {
    path: new RegExp(`${PRISMA_RUNTIME}(?:wasm-compiler-edge|index-browser)\\.`),
    because: 'they are for edge workers and browsers',
  },
  {
    path: /^node_modules\/@graphql-yoga\/render-graphiql\/cjs\//,
    because: 'GraphiQL comes twice, and an ES module imports it',
  },
  {
    path: new RegExp(`${PACKAGE}(?:tests?|__tests__|benchmarks?|examples?|docs)/`),
    because: 'what packages test, measure and explain themselves with is not exported',
  },
  {
    path: /(?:^|\/)(?!licen[cs]e|notice|copying)[^/]*\.md$/i,
    because: 'texts are for readers of the package',
  },
]

/**
 * @param {string} root
 * @returns {{because: string, files: number, bytes: number}[]} what went by each rule, in their order
 */
export function prune(root) {
  const removed = rules.map(({ because }) => ({ because, files: 0, bytes: 0 }))
  for (const path of filesBelow(root)) {
    const index = rules.findIndex((rule) => rule.path.test(relative(root, path)))
    const entry = removed[index]
    if (entry === undefined) continue
    entry.files++
    entry.bytes += lstatSync(path).size
    rmSync(path)
  }
  removeEmptyFolders(root)
  return removed
}

/** @param {string} folder */
function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** @param {string} folder */
function removeEmptyFolders(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeEmptyFolders(join(folder, entry.name))
  }
  if (readdirSync(folder).length === 0) rmdirSync(folder)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const removed = prune(resolve(process.argv[2] ?? '.'))
  for (const { because, files, bytes } of removed) {
    console.log(
      `${(bytes / 1e6).toFixed(1).padStart(6)} MB in ${String(files).padStart(5)} files: ${because}`,
    )
  }
  const idle = removed.filter(({ files }) => files === 0)
  if (idle.length > 0) {
    // What it was for has moved, and is in the image under another name, or is gone, and so should the rule be.
    console.error(`A rule finds nothing any more: ${idle.map(({ because }) => because).join('; ')}`)
    process.exitCode = 1
  }
}
