/** Tells a path that there is not from one that is there for other methods (RFC 9110 §15.5.6). */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ServiceError } from '../errors.js'
import { sendProblem } from './problem.js'

/** Call it before any route is added. */
export function refuseUnknownRoutes(app: FastifyInstance): void {
  const methodsOf = rememberMethods(app)

  function refuse({ method, url }: FastifyRequest, reply: FastifyReply): FastifyReply {
    const path = url.replace(/\?.*/s, '')
    const allowed = methodsOf(path)
    // A route that is there for this method has itself found nothing.
    if (allowed.length === 0 || allowed.includes(method))
      return sendProblem(reply, new ServiceError('NOT_FOUND', `There is no route ${method} ${path}.`))
    reply.header('allow', allowed.join(', '))
    const detail = `${path} does not take ${method}; it takes ${allowed.join(', ')}.`
    return sendProblem(reply, new ServiceError('METHOD_NOT_ALLOWED', detail))
  }

  // Before Fastify reads a body, of which it demands a content type even where no route takes the method.
  app.addHook('onRequest', async (request, reply) => (request.is404 ? refuse(request, reply) : undefined))
  app.setNotFoundHandler(refuse)
}

/** Which methods there are for a path; none when there is no such path. */
function rememberMethods(app: FastifyInstance): (path: string) => string[] {
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
