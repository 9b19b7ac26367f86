/**
 * Subscribes without graphql-js's `subscribe`, which would execute each change for each watcher: watchers with equal
 * answers share the execution of each change.
 */
import { createHash } from 'node:crypto'
import {
  createSourceEventStream,
  type ExecutionArgs,
  type ExecutionResult,
  execute as executeOperation,
  type GraphQLError,
  print,
} from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { canonicalJson } from '../events/canonical-json.js'
import type { RawJson } from '../events/raw-json.js'
import type { Answer, Answers } from './answers.js'
import type { GraphQLContext, ServerContext } from './context.js'
import { createFrame } from './frames.js'
import { isLiveSource } from './live-updates.js'
import type { Execute } from './updates.js'
import { createWatch } from './watch.js'

export interface SharedUpdatesOptions {
  answers: Answers
  createContext(context: ServerContext): GraphQLContext
  maskError(error: unknown): Error
}

export function useSharedUpdates({ answers, createContext, maskError }: SharedUpdatesOptions): Plugin {
  const toResult = (error: unknown): ExecutionResult => ({ errors: [maskError(error) as GraphQLError] })

  /** Each execution has a context of its own, in which nothing belongs to the watcher that came first. */
  function createExecute(args: ExecutionArgs): Execute<unknown> {
    const { apiKey } = args.contextValue as GraphQLContext
    const budget = {}

    async function run(change: unknown, answer: Answer): Promise<ExecutionResult> {
      const contextValue = createContext({ apiKey, reader: { canStream: true }, answer })
      const result = await executeOperation({ ...args, rootValue: change, contextValue })
      const errors = result.errors?.map((error) => maskError(error) as GraphQLError)
      return errors === undefined ? result : { ...result, errors }
    }

    return async (change, id) => {
      const answer = answers.open(budget)
      try {
        return createFrame(await run(change, answer), id, answer.takenBytes)
      } catch (error) {
        return createFrame(toResult(error), id)
      } finally {
        answer.close()
      }
    }
  }

  async function subscribe(args: ExecutionArgs) {
    const source = await createSourceEventStream(args)
    if (!isLiveSource(source)) return source
    const { reader, answer } = args.contextValue as GraphQLContext
    reader.watch = createWatch({
      reader: source.read(keyOf(args), createExecute(args)),
      ...{ answer, toResult },
    })
    return source
  }

  return {
    onSubscribe: ({ setSubscribeFn }) => setSubscribeFn(subscribe),
  }
}

/** Equal for watchers whose answers are equal: all that an answer depends on, besides the change, is in it. */
function keyOf({ document, operationName, variableValues, contextValue }: ExecutionArgs): string {
  const { apiKey } = contextValue as GraphQLContext
  const text = document.loc?.source.body ?? print(document)
  const variables = canonicalJson(JSON.stringify(variableValues ?? {}) as RawJson)
  const parts = [text, operationName ?? null, variables, [...apiKey.scopes].sort(), apiKey.tenant]
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64')
}
