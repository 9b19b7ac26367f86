import { inject } from 'vitest'
import { provePlans } from '../support/plans-suite.js'
import { postgresProgram, programIn } from './setup/programs.js'

provePlans(() => programIn(inject('programs'), postgresProgram(14)))
