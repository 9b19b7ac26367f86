/**
 * What processes cost: CPU time and the most memory they held, as Linux tells of them in `/proc`. On other
 * systems there is nothing to read, and nothing is reported.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { busySeconds } from './machine.js'

/** A process, and with it the children that it has and had. */
export interface ProcessGroup {
  name: string
  pid: number
}

export interface Cost {
  name: string
  cpuSeconds: number
  peakMb: number
}

export interface Meter {
  /** What there was since the meter was started. */
  stop(): Costs
}

export interface Costs {
  groups: Cost[]
  /** How many cores were busy with what isn't measured: more than a little spoils the figures. */
  otherCores: number
}

const SAMPLED_EVERY_MS = 250
const TICKS_PER_SECOND = 100

export function startMeter(groups: ProcessGroup[]): Meter {
  const startedAtMs = performance.now()
  const busyBefore = busySeconds()
  const before = groups.map(({ pid }) => cpuSeconds(pid))
  const peaksMb = groups.map(() => 0)
  for (const { pid } of groups) forgetPeak(pid)

  /** PostgreSQL has many processes that share memory, so there is no peak to read: only what is held now. */
  function sample(): void {
    groups.forEach(({ pid }, index) => {
      const family = familyOf(pid)
      const mb = family.length > 1 ? sharedMb(family) : peakMb(pid)
      peaksMb[index] = Math.max(peaksMb[index] as number, mb)
    })
  }
  const sampling = setInterval(sample, SAMPLED_EVERY_MS)

  return {
    stop() {
      clearInterval(sampling)
      sample()
      const costs = groups.map(({ name, pid }, index) => ({
        name,
        cpuSeconds: cpuSeconds(pid) - (before[index] as number),
        peakMb: peaksMb[index] as number,
      }))
      const own = costs.reduce((sum, cost) => sum + cost.cpuSeconds, 0)
      const seconds = (performance.now() - startedAtMs) / 1000
      return { groups: costs, otherCores: Math.max(0, busySeconds() - busyBefore - own) / seconds }
    },
  }
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}

/** The fields of `/proc/pid/stat` from the third on: the second is a name, in which anything may stand. */
const statOf = (pid: number): string[] => read(pid, 'stat').split(') ')[1]?.split(' ') ?? []

/** Adds up the process, its living children and the ended children that it has waited for. */
function cpuSeconds(pid: number): number {
  const [user, system, usersOfDead, systemsOfDead] = statOf(pid).slice(11, 15).map(Number)
  const dead = (usersOfDead ?? 0) + (systemsOfDead ?? 0)
  const own = ((user ?? 0) + (system ?? 0) + dead) / TICKS_PER_SECOND
  return childrenOf(pid).reduce((sum, child) => sum + cpuSeconds(child), own)
}

const childrenOf = (pid: number): number[] =>
  read(pid, `task/${pid}/children`).split(' ').filter(Boolean).map(Number)

const familyOf = (pid: number): number[] => [pid, ...childrenOf(pid).flatMap(familyOf)]

function statusMb(pid: number, field: string): number {
  const kb = new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(read(pid, 'status'))?.[1]
  return Number(kb ?? 0) / 1024
}

const peakMb = (pid: number): number => statusMb(pid, 'VmHWM')

/** Memory of one's own counts for each process, memory that is shared only once. */
function sharedMb(family: number[]): number {
  const own = family.reduce((sum, pid) => sum + statusMb(pid, 'RssAnon'), 0)
  const largest = (field: string) => Math.max(...family.map((pid) => statusMb(pid, field)))
  return own + largest('RssShmem') + largest('RssFile')
}

/** Resets the peak, which otherwise includes the start of the process. See proc_pid_clear_refs(5). */
function forgetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
  } catch {
    // Then the peak is that of the process's whole life.
  }
}
