/** A headless Chromium for tests: the machine's own program, or one installed for the purpose. */
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'
import { requireProgram } from './machine-program.js'

const programs = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** The path of the program. @throws Error that names the one command to run */
export const provideChromium = (): string =>
  requireProgram({
    find: () => programs.find((program) => existsSync(program)),
    debianPackage: 'chromium',
    lack: 'This test needs Chromium. Install it',
  })

/** A browser that does nothing of its own accord. */
export async function startChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: provideChromium(),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
