/** A headless Chromium for tests: the machine's own program, or one installed for the purpose. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const programs = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** The path of the program. @throws Error that names the one command to run */
export function provideChromium(): string {
  const found = findProgram() ?? (install() ? findProgram() : undefined)
  if (found !== undefined) return found
  throw new Error(
    'This test needs Chromium. Install it, on Debian and Ubuntu with:\n  sudo apt-get install -y chromium',
  )
}

const findProgram = (): string | undefined => programs.find((program) => existsSync(program))

/** Installs Chromium where that needs no question to be answered: as root, on a system with apt. */
function install(): boolean {
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) return false
  const options = { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
  execFileSync('apt-get', ['update', '-qq'], options)
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], options)
  return true
}

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
