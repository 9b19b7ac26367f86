/** The schema: the builder, and every type that adds to it. `schema.graphql` is its print. */
import { builder } from './builder.js'
import './scalars.js'
import './types/event.js'
import './types/delivery.js'
import './types/subscription.js'
import './types/stats.js'
import './types/node.js'
import './types/live-updates.js'

export const schema = builder.toSchema({ sortSchema: false })
