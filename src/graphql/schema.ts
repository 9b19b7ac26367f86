/** The schema: the builder with all types. `schema.graphql` is the printed schema. */
import { builder } from './builder.js'
import './scalars.js'
import './types/event.js'
import './types/delivery.js'
import './types/event-type.js'
import './types/subscription.js'
import './types/subscription-changes.js'
import './types/endpoint-health.js'
import './types/filter.js'
import './types/test-event.js'
import './types/tenant-token.js'
import './types/replay.js'
import './types/stats.js'
import './types/delivery-metrics.js'
import './types/node.js'
import './types/live-updates.js'

export const schema = builder.toSchema({ sortSchema: false })
