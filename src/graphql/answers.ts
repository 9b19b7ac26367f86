/**
 * Budgets for the stored bytes (payloads and logs) in answers: one for each answer, one for each API key, and one for
 * the process. An answer holds its bytes until it is sent or its client is gone.
 */
import { GraphQLError } from 'graphql'
import { ServiceError } from '../errors.js'

export interface Answers {
  /** @param apiKey the key of the request: all answers with one key share a budget */
  open(apiKey: object): Answer
}

export interface Answer {
  /**
   * Counts the bytes of a value, each time the answer shows it.
   *
   * @throws GraphQLError BAD_USER_INPUT beyond the budget of an answer, SERVICE_UNAVAILABLE beyond the others
   */
  take(bytes: number): void
  /** What it holds now. */
  readonly takenBytes: number
  /** The error of a refused `take`; undefined when none was refused. */
  refusal(): ServiceError | undefined
  /** The taken bytes have been sent. The next answer has the whole budget. */
  restart(): void
  close(): void
}

export interface AnswersOptions {
  /** The most bytes in one answer. */
  answerBytes: number
  /** The most bytes in all answers with one API key together. */
  keyBytes: number
  /** The most bytes in all answers of the process together. */
  processBytes: number
}

export function createAnswers({ answerBytes, keyBytes, processBytes }: AnswersOptions): Answers {
  let takenByAll = 0
  const takenByKey = new Map<object, number>()
  return {
    open(apiKey) {
      const ofKey = () => takenByKey.get(apiKey) ?? 0
      let taken = 0
      let isClosed = false
      let refusal: ServiceError | undefined
      let thrown: GraphQLError | undefined

      function count(bytes: number): void {
        taken += bytes
        takenByAll += bytes
        const ofThisKey = ofKey() + bytes
        if (ofThisKey === 0) takenByKey.delete(apiKey)
        else takenByKey.set(apiKey, ofThisKey)
      }

      function giveBack(): void {
        count(-taken)
        refusal = undefined
        thrown = undefined
      }

      return {
        take(bytes) {
          if (thrown !== undefined) throw thrown
          if (isClosed) refusal = gone()
          else if (taken + bytes > answerBytes) refusal = tooLarge(answerBytes)
          else if (ofKey() + bytes > keyBytes) refusal = busy('with this API key')
          else if (takenByAll + bytes > processBytes) refusal = busy('of this process')
          if (refusal === undefined) return count(bytes)
          // All fields throw one error. It has a path: for an error without one, graphql-js makes a new error for each
          // field.
          thrown = new GraphQLError(refusal.message, { path: [], originalError: refusal })
          throw thrown
        },
        get takenBytes() {
          return taken
        },
        refusal: () => refusal,
        restart: giveBack,
        close() {
          giveBack()
          isClosed = true
        },
      }
    },
  }
}

const tooLarge = (bytes: number) =>
  new ServiceError(
    'BAD_USER_INPUT',
    `The answer would hold more than ${Math.floor(bytes / 1_000_000)} MB of payloads and logs. Ask for fewer of them at a time.`,
  )

const busy = (whose: string) =>
  new ServiceError(
    'SERVICE_UNAVAILABLE',
    `The answers ${whose} that are under way hold as many payloads and logs as they may. Ask again in a moment.`,
    { retryAfterSeconds: 1 },
  )

const gone = () => new ServiceError('BAD_USER_INPUT', 'Nobody reads this answer any more.')
