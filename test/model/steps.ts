/** All that may happen, one step each: done to the engine, and to the model. */
import { mergeCounterDeltas } from '../../src/model/counter-deltas.js'
import { answer, attempt, feed, giveBack, probesBecomeDue, runOut, timePasses } from './steps/attempts.js'
import {
  cancel,
  changeSecret,
  changeUrl,
  makeAgain,
  orderOrNot,
  remove,
  retry,
  retryAll,
  subscribeMore,
  turnOnOrOff,
} from './steps/by-hand.js'
import { crash, crashAndRestart, crashOne } from './steps/crashes.js'
import { dispatch, publish, publishInOrder, publishTwoInOrder, refreshMatcher } from './steps/publishing.js'
import { type Step, step } from './steps/step.js'
import { cancelScheduled, expire, publishExpiring, schedule, theirTimeComes } from './steps/timed-events.js'

const tidyUp = step(
  () => ['tallies'],
  async ({ database }) => void (await mergeCounterDeltas(database)),
)

/** How a step is called, and how often it comes, beside the others that can happen. */
export const steps: [name: string, step: Step, weight: number][] = [
  ['publish', publish('direct', null), 2],
  ['publish to the queue', publish('queue', null), 2],
  ['publish to the outbox', publish('outbox', null), 2],
  ['publish with a key', publish('direct', 'key'), 1],
  ['publish to the outbox with a key', publish('outbox', 'key'), 1],
  ['publish in order', publishInOrder, 8],
  ['publish two in order', publishTwoInOrder, 0.5],
  ['schedule', schedule, 2],
  ['their time comes', theirTimeComes, 2],
  ['cancel an event', cancelScheduled, 0.5],
  ['publish what expires', publishExpiring, 2],
  ['expire', expire, 2],
  ['dispatch', dispatch, 3],
  ['refresh the matcher', refreshMatcher, 2],
  ['feed', feed, 6],
  ['attempt', attempt, 10],
  ['answer 204', answer(0), 2],
  ['answer 500', answer(1), 8],
  ['no answer', answer(2), 2],
  ['answer 503', answer(3), 2],
  ['answer 302', answer(4), 1],
  ['answer 410', answer(5), 2],
  ['time passes', timePasses, 8],
  ['probes become due', probesBecomeDue, 4],
  ['run out', runOut, 3],
  ['give back', giveBack, 2],
  ['retry', retry, 3],
  ['retry all', retryAll, 1],
  ['cancel', cancel, 1],
  ['turn on or off', turnOnOrOff, 2],
  ['change the URL', changeUrl, 2],
  ['change the secret', changeSecret, 2],
  ['order or not', orderOrNot, 0.5],
  ['delete', remove, 0.3],
  ['delete and make again', makeAgain, 0.4],
  ['subscribe', subscribeMore, 0.5],
  ['tidy up', tidyUp, 0.5],
  ['crash of one', crashOne, 0.7],
  ['crash', crash, 0.7],
  ['crash and restart', crashAndRestart, 0.7],
]
