/** Frames: results of a live subscription as they go over the wire, made once for all watchers. */
import type { ExecutionResult } from 'graphql'
import { withoutHttp } from './error-extensions.js'

export interface Frame {
  /** The result as JSON: the payload of a WebSocket message. */
  readonly json: string
  /** The result as a server-sent event. */
  readonly event: string
  /** The bytes of payloads and logs in it, which each watcher's answer counts. */
  readonly storedBytes: number
}

/** @param id of the server-sent event */
export function createFrame(result: ExecutionResult, id?: string, storedBytes = 0): Frame {
  const json = print(result)
  return {
    json,
    storedBytes,
    event: `event: next\n${id === undefined ? '' : `id: ${id}\n`}data: ${json}\n\n`,
  }
}

const print = ({ errors, ...result }: ExecutionResult): string =>
  JSON.stringify({ ...result, ...(errors && { errors: errors.map(withoutHttp) }) })

/** Whose frame is kept. */
interface Keeper {
  ready: Frame | undefined
}

export interface KeptFrames {
  keep(keeper: Keeper, frame: Frame): void
  /** When all watchers have it. */
  forget(keeper: Keeper): void
}

/** The most bytes of frames that are kept for watchers who come to them later. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024
/** A frame is held as JSON, as an event, and within the bytes of a write. */
const COPIES = 3
/** What a frame costs besides. */
const OVERHEAD_BYTES = 500

/**
 * Keeps the newest frames of all operations, up to so many bytes. A watcher that comes to an update later has it
 * executed again, so what slow watchers hold is bounded.
 */
export function createKeptFrames(maxBytes = MAX_KEPT_BYTES): KeptFrames {
  const kept = new Map<Keeper, number>()
  let bytes = 0

  function forget(keeper: Keeper): void {
    bytes -= kept.get(keeper) ?? 0
    kept.delete(keeper)
    keeper.ready = undefined
  }

  return {
    keep(keeper, frame) {
      const size = frame.json.length * COPIES + OVERHEAD_BYTES
      keeper.ready = frame
      kept.set(keeper, size)
      bytes += size
      for (const oldest of kept.keys()) {
        if (bytes <= maxBytes) return
        forget(oldest)
      }
    },
    forget,
  }
}

/**
 * Joins frames to one piece of an event stream. Watchers that are at the same place come one after the other, and get
 * the same bytes.
 */
export function createJoin(): (frames: readonly Frame[]) => Buffer {
  let last: { frames: readonly Frame[]; bytes: Buffer } | undefined
  return (frames) => {
    const isSame =
      last?.frames.length === frames.length && last.frames.every((frame, at) => frame === frames[at])
    if (!isSame) last = { frames, bytes: Buffer.from(frames.map(({ event }) => event).join('')) }
    return (last as { bytes: Buffer }).bytes
  }
}
