/** Opens the job queue and pub/sub, on Redis or without it. */
import { OTHER_MS, QUEUE_MS } from '../budgets.js'
import type { DeliveryJob } from '../delivery-engine/scheduling/delivery-job.js'
import { createWakeUps } from '../delivery-engine/scheduling/wake-ups.js'
import { broadcastServiceEvents } from '../graphql/live-updates.js'
import { createPubSub } from '../platform/pubsub.js'
import { createJobQueue } from '../platform/queue/job-queue.js'
import { connectToRedis } from '../platform/redis/redis.js'
import { createRefresher } from '../platform/refresher.js'
import { createFeedWakes } from '../pull/feed-wakes.js'
import type { StartContext } from './context.js'
import type { Storage } from './storage.js'

export type Messaging = Awaited<ReturnType<typeof openMessaging>>

export async function openMessaging(
  { config, logger, resources, serviceEvents, reportTrouble }: StartContext,
  { installation, directUrl, matcher }: Storage,
) {
  const redis =
    config.redis &&
    resources.use(
      await connectToRedis({
        settings: config.redis,
        installationId: installation.id,
        logger,
        onError: reportTrouble('Redis'),
      }),
      'connections to Redis',
      OTHER_MS,
    )
  const queue = resources.use(
    createJobQueue<DeliveryJob>({
      name: 'deliveries',
      redis,
      databaseUrl: directUrl,
      onError: reportTrouble('queue'),
    }),
    'queue',
    QUEUE_MS,
  )
  const pubSub = resources.use(createPubSub(redis), 'pub/sub', OTHER_MS)
  broadcastServiceEvents(serviceEvents, pubSub)
  const wakeUps = createWakeUps(pubSub)
  serviceEvents.on('reported', () => wakeUps.send('outbox'))
  const refresher = resources.use(createRefresher(matcher, reportTrouble('matcher')), 'matcher', OTHER_MS)
  refresher.start()
  wakeUps.listen('subscriptions', refresher.wake)
  return { usesRedis: redis !== undefined, queue, pubSub, wakeUps, feedWakes: createFeedWakes(pubSub) }
}
