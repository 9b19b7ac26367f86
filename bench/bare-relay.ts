/**
 * The bare relay, the first reference: receive, answer, post. No database and no queue, so whatever it has not
 * posted yet is lost with it. Nothing durable can be faster in one process.
 */
import { serveCommands } from './commands.js'
import { createPoster, type RelayCommands, type RelayedEvent, takeEvents } from './relaying.js'

let open = 0

const commands: RelayCommands = {
  async start({ endpoints }) {
    const post = createPoster(endpoints)
    async function relay(event: RelayedEvent): Promise<void> {
      await post(event)
      open -= 1
    }

    return takeEvents((event) => {
      open += 1
      // After the answer.
      setImmediate(() => void relay(event))
    })
  },
  open: () => open,
}

serveCommands(commands)
