export interface Room {
  /** What is in the folder, for `docs/architecture.md`. */
  what: string
  /** The folders that it may import. */
  imports: string[]
}

export const rooms: Record<string, Room>
