/** Lets in who has a key, to the routes that the scopes of the key are for. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ApiKey, Scope } from '../api-keys/api-key.js'
import { type Authentication, requireScope } from '../api-keys/authentication.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose request it is; absent on routes that ask for no key. */
    apiKey: ApiKey | undefined
  }
  interface FastifyContextConfig {
    /** What a key must be allowed for this route. */
    scope?: Scope
  }
}

/** Guards every route that is added here from now on. One that names no scope is a mistake, told at the start. */
export function guardRoutes(app: FastifyInstance, authentication: Authentication): void {
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.scope === undefined) throw new Error(`The route ${method} ${url} names no scope.`)
  })
  app.addHook('onRequest', async (request) => {
    const key = admit(authentication, request)
    requireScope(key, request.routeOptions.config.scope as Scope)
  })
}

/** @throws ServiceError for those who have no key of this service */
export function admit(authentication: Authentication, request: FastifyRequest): ApiKey {
  request.apiKey = authentication.admit(request.headers['x-api-key'], request.raw)
  return request.apiKey
}
