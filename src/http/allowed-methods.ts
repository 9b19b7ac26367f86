/** Tells a path that there is not from one that is there for other methods (RFC 9110 §15.5.6). */
import type { FastifyInstance } from 'fastify'

/** Which methods there are for a path; none when there is no such path. To be called before any route is added. */
export function rememberMethods(app: FastifyInstance): (path: string) => string[] {
  const methodsOf = new Map<string, { pattern: RegExp; methods: Set<string> }>()

  app.addHook('onRoute', ({ url, method }) => {
    const known = methodsOf.get(url) ?? { pattern: patternOf(url), methods: new Set() }
    for (const each of [method].flat()) known.methods.add(each)
    methodsOf.set(url, known)
  })

  return (path) => {
    const matching = [...methodsOf.values()].filter(({ pattern }) => pattern.test(path))
    return [...new Set(matching.flatMap(({ methods }) => [...methods]))].sort()
  }
}

/** `/v1/events/:id` matches any one segment as its id, `/docs/*` anything that follows. */
function patternOf(url: string): RegExp {
  const escaped = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replace(/:\w+/g, '[^/]+').replace(/\*/g, '.*')}$`)
}
