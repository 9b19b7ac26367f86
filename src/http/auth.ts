/** Guards routes: a request needs an API key with the scope of its route. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ApiKey, Scope } from '../api-keys/api-key.js'
import { type Authentication, requireScope } from '../api-keys/authentication.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The API key of the request. Absent on routes without authentication. */
    apiKey: ApiKey | undefined
  }
  interface FastifyContextConfig {
    /** The scope required by this route. */
    scope?: Scope
  }
}

/** Guards every route added to `app` from now on. @throws at the start, for a route without a scope */
export function guardRoutes(app: FastifyInstance, authentication: Authentication): void {
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.scope === undefined) throw new Error(`The route ${method} ${url} names no scope.`)
  })
  app.addHook('onRequest', (request, _reply, done) => {
    const key = authenticate(authentication, request)
    requireScope(key, request.routeOptions.config.scope as Scope)
    done()
  })
}

/** @throws ServiceError UNAUTHENTICATED, or TOO_MANY_REQUESTS */
export function authenticate(authentication: Authentication, request: FastifyRequest): ApiKey {
  request.apiKey = authentication.authenticate(request.headers['x-api-key'], request.raw)
  return request.apiKey
}
