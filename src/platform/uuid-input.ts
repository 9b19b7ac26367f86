import { z } from 'zod'
import { isUuid, WRONG_UUID } from './uuid.js'

/** An id in an input. An impossible one is refused, because finding nothing would hide the mistake. */
export const uuidInput = z.string().refine(isUuid, WRONG_UUID).meta({ format: 'uuid' })
