/** For a program that reads JSON: an object for each change. What is about the connection goes to the errors. */
import type { Writable } from 'node:stream'
import { plain, type View } from './view.js'

export const createJsonLines = (output: Writable, errors: Writable): View => ({
  show: (delivery) => void output.write(`${JSON.stringify(delivery)}\n`),
  showStatus: (message) => void errors.write(`# ${plain(message)}\n`),
  close() {},
})
