import { builder } from './builder.js'

/** Relay fetches these objects again by their ids. The ids are the plain UUIDs of REST, unique over all types. */
export const Node = builder.interfaceRef<{ id: string }>('Node').implement({
  description: 'An object that can be fetched by its id, whatever its type.',
  fields: (t) => ({ id: t.exposeID('id', { description: 'UUIDv7, unique over all types.' }) }),
})
