/** Answers 404 for an unknown path, and 405 for a known path with another method (RFC 9110 §15.5.6). */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ServiceError } from '../errors.js'
import { sendProblem } from './problem.js'

/** Must be called before any route is added. */
export function refuseUnknownRoutes(app: FastifyInstance): void {
  const methods = rememberMethods(app)

  function refuse({ method, url }: FastifyRequest, reply: FastifyReply): FastifyReply {
    const path = pathOf(url)
    const allowed = methods.ofPath(path)
    // A known method means: the route itself found nothing.
    if (allowed.length === 0 || allowed.includes(method))
      return sendProblem(reply, new ServiceError('NOT_FOUND', `There is no route ${method} ${path}.`))
    reply.header('allow', allowed.join(', '))
    const detail = `${path} does not take ${method}; it takes ${allowed.join(', ')}.`
    return sendProblem(reply, new ServiceError('METHOD_NOT_ALLOWED', detail))
  }

  // Must run before Fastify reads the body: Fastify requires a content type even if no route takes the method.
  app.addHook('onRequest', (request, reply, done) => {
    if (request.is404 || isOfAnotherRoute(request)) refuse(request, reply)
    else done()
  })
  app.setNotFoundHandler(refuse)

  /** A route with a parameter would take the methods that the route of just this path does not. */
  function isOfAnotherRoute({ url, method, routeOptions }: FastifyRequest): boolean {
    if (routeOptions.url === url) return false
    const own = methods.ofRoute(pathOf(url))
    return own !== undefined && !own.has(method)
  }
}

const pathOf = (url: string): string => url.replace(/\?.*/s, '')

interface KnownMethods {
  /** None for an unknown path. */
  ofPath(path: string): string[]
  /** Of the route without parameters that has just this path, if there is one. */
  ofRoute(path: string): Set<string> | undefined
}

function rememberMethods(app: FastifyInstance): KnownMethods {
  const methodsOf = new Map<string, { pattern: RegExp; methods: Set<string> }>()

  app.addHook('onRoute', ({ url, method }) => {
    const known = methodsOf.get(url) ?? { pattern: patternOf(url), methods: new Set() }
    for (const each of [method].flat()) known.methods.add(each)
    methodsOf.set(url, known)
  })

  const ofRoute = (path: string) => methodsOf.get(path)?.methods
  return {
    ofRoute,
    ofPath(path) {
      const matching = [...methodsOf.values()].filter(({ pattern }) => pattern.test(path))
      return [...(ofRoute(path) ?? new Set(matching.flatMap(({ methods }) => [...methods])))].sort()
    },
  }
}

/** In `/v1/events/:id`, the id matches any one segment. In `/docs/*`, the star matches any rest. */
function patternOf(url: string): RegExp {
  const escaped = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replace(/:\w+/g, '[^/]+').replace(/\*/g, '.*')}$`)
}
