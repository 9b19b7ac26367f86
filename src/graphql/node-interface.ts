import { builder } from './builder.js'

/** What Relay fetches again by its id. The ids are the plain UUIDs of REST, which are unique over all types. */
export const Node = builder.interfaceRef<{ id: string }>('Node').implement({
  description: 'An object that can be fetched by its id, whatever its type.',
  fields: (t) => ({ id: t.exposeID('id', { description: 'UUIDv7, unique over all types.' }) }),
})
