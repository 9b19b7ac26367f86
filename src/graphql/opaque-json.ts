/**
 * JSON that a user wrote, on its way into an answer. What executes an operation takes any object with a member
 * `then` for a promise; inside of this it is looked at by `JSON.stringify` alone.
 */
import type { Prisma } from '../generated/prisma/client.js'

export class OpaqueJson {
  readonly #value: Prisma.JsonValue

  constructor(value: Prisma.JsonValue) {
    this.#value = value
  }

  toJSON(): Prisma.JsonValue {
    return this.#value
  }
}
