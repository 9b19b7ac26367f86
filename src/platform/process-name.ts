/** What this process is called where several work together: the machine's name and the process id, `worker-1/4711`. */
import { hostname } from 'node:os'

const MAX_HOST_LENGTH = 63

export const processName = `${hostname()
  .replaceAll(/[^\w.-]/g, '')
  .slice(0, MAX_HOST_LENGTH)}/${process.pid}`
