/**
 * Budgets for the stored bytes (payloads and logs) that answers hold until they are sent or their client is gone: one
 * for each answer, one for each API key, and one for the process.
 */
import { GraphQLError } from 'graphql'
import { ServiceError } from '../errors.js'

export interface Answers {
  /** @param apiKey whose answer it is: each has a share of what the process holds */
  open(apiKey: object): Answer
}

export interface Answer {
  /**
   * Counts what is shown, each time that it is shown.
   *
   * @throws GraphQLError BAD_USER_INPUT beyond the budget of an answer, SERVICE_UNAVAILABLE beyond the others
   */
  take(bytes: number): void
  /** What it was refused for, if it was. */
  refusal(): ServiceError | undefined
  /** What was taken has been sent; the answer that follows has the whole budget. */
  restart(): void
  close(): void
}

export interface AnswersOptions {
  /** That one answer may hold. */
  answerBytes: number
  /** That all answers with one API key may hold together. */
  keyBytes: number
  /** That all answers of the process may hold together. */
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
          // One error for all fields: graphql-js makes another for each where an error has no path.
          thrown = new GraphQLError(refusal.message, { path: [], originalError: refusal })
          throw thrown
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
