/**
 * The bytes that answers hold of what is stored in any size: payloads, and the errors of logs. Each answer has a
 * budget, and so have all answers of the process together, until they are sent or their client is gone.
 */
import { ServiceError } from '../errors.js'

export interface Answers {
  open(): Answer
}

export interface Answer {
  /**
   * Counts what is shown, each time that it is shown.
   *
   * @throws ServiceError BAD_USER_INPUT when it is too much for one answer, SERVICE_UNAVAILABLE when it is for all
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
  /** That all answers of the process may hold together. */
  processBytes: number
}

export function createAnswers({ answerBytes, processBytes }: AnswersOptions): Answers {
  let takenByAll = 0
  return {
    open() {
      let taken = 0
      let isClosed = false
      let refusal: ServiceError | undefined

      function giveBack(): void {
        takenByAll -= taken
        taken = 0
        refusal = undefined
      }

      return {
        take(bytes) {
          if (refusal !== undefined) throw refusal
          if (isClosed) refusal = gone()
          else if (taken + bytes > answerBytes) refusal = tooLarge(answerBytes)
          else if (takenByAll + bytes > processBytes) refusal = busy()
          if (refusal !== undefined) throw refusal
          taken += bytes
          takenByAll += bytes
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

const busy = () =>
  new ServiceError(
    'SERVICE_UNAVAILABLE',
    'The answers that are on their way hold as many payloads as this service keeps at a time. Ask again in a moment.',
    { retryAfterSeconds: 1 },
  )

const gone = () => new ServiceError('BAD_USER_INPUT', 'Nobody reads this answer any more.')
