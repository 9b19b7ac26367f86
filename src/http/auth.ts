/** Guards routes: a request needs an API key with the scope of its route. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ApiKey, Scope } from '../api-keys/api-key.js'
import { type Authentication, requireScope } from '../api-keys/authentication.js'
import type { VisibleDatabase, VisibleTo } from '../tenants/visible-database.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The API key of the request. Absent on routes without authentication. */
    apiKey: ApiKey | undefined
    /** The database as the API key sees it. Routes without authentication have none. */
    readonly database: VisibleDatabase
  }
  interface FastifyContextConfig {
    /** The scope required by this route. */
    scope?: Scope
  }
}

/** Guards every route added to `app` from now on. @throws at the start, for a route without a scope */
export function guardRoutes(
  app: FastifyInstance,
  authentication: Authentication,
  visibleTo: VisibleTo,
): void {
  app.decorateRequest('database', {
    getter() {
      return visibleTo(this.apiKey as ApiKey)
    },
  })
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.scope === undefined) throw new Error(`The route ${method} ${url} names no scope.`)
  })
  app.addHook('onRequest', (request, _reply, done) => {
    const key = authenticate(authentication, request)
    requireScope(key, request.routeOptions.config.scope as Scope)
    done()
  })
}

/** The parts of a route with the database as the request sees it. */
export const contextFor = <Parts extends object>({ database }: FastifyRequest, parts: Parts) => ({
  ...parts,
  database,
})

/** @throws ServiceError UNAUTHENTICATED, or TOO_MANY_REQUESTS */
export function authenticate(authentication: Authentication, request: FastifyRequest): ApiKey {
  request.apiKey = authentication.authenticate(request.headers['x-api-key'], request.raw)
  return request.apiKey
}
