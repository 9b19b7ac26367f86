/** How the programs of a run are told what to do, and answer: named commands over the channel to their parent. */

/** Each takes one argument, or none, and answers when it is done. */
// biome-ignore lint/suspicious/noExplicitAny: what arguments there are is for each program to say
export type Commands = Record<string, (argument: any) => unknown>

export interface Request {
  id: number
  name: string
  argument: unknown
}

export type Reply = { id: number; result: unknown } | { id: number; error: string }

/** Serves commands until the parent is gone, and then ends: nothing of a run outlives it. */
export function serveCommands(commands: Commands): void {
  process.on('disconnect', () => process.exit(0))
  // Ctrl-C goes to the whole terminal; the parent ends its programs in its own order.
  process.on('SIGINT', () => {})
  process.on('message', async ({ id, name, argument }: Request) => {
    try {
      const result = await commands[name]?.(argument)
      process.send?.({ id, result } satisfies Reply)
    } catch (error) {
      process.send?.({ id, error: (error as Error).stack ?? String(error) } satisfies Reply)
    }
  })
}
