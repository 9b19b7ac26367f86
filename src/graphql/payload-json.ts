/**
 * The JSON of a payload, on its way into an answer. graphql-js takes any object with a member `then` for a promise, so
 * this class hides the value until `JSON.stringify` asks for it.
 */
import type { Prisma } from '../generated/prisma/client.js'

export class PayloadJson {
  readonly #value: Prisma.JsonValue

  constructor(value: Prisma.JsonValue) {
    this.#value = value
  }

  toJSON(): Prisma.JsonValue {
    return this.#value
  }
}
