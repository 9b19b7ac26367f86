/** Programs that tests need from the machine: found on it, or installed where that needs no question to be answered. */
import { execFileSync, spawnSync } from 'node:child_process'

export interface MachineProgram {
  /** Its path or name, if it is there. */
  find(): string | undefined
  /** What it comes in on Debian and Ubuntu. */
  debianPackage: string
  /** What is missing where it is not there, and what to do about it. */
  lack: string
}

/** @throws Error that names the one command to run */
export function requireProgram({ find, debianPackage, lack }: MachineProgram): string {
  const found = find() ?? (install(debianPackage) ? find() : undefined)
  if (found !== undefined) return found
  throw new Error(`${lack}, on Debian and Ubuntu with:\n  sudo apt-get install -y ${debianPackage}`)
}

/** As root, on a system with apt. */
function install(debianPackage: string): boolean {
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) return false
  const options = { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
  execFileSync('apt-get', ['update', '-qq'], options)
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', debianPackage], options)
  return true
}
