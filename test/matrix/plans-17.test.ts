import { inject } from 'vitest'
import { provePlans } from '../support/plans-suite.js'
import { postgresProgram, programIn } from './stage/programs.js'

provePlans(() => programIn(inject('programs'), postgresProgram(17)))
